"""Answer one utterance: hear, look up, think, speak, all overlapping.

::

    reply = Reply(voice, number=3, audio=mulaw, timeline=Timeline(speech_end=...), history=[...])
    reply.start()        # may be a guess, at a pause of the caller
    reply.commit(now)    # the turn is over: audio may go out
    reply.cancel()       # or it is not: everything stops

Until ``commit`` nothing reaches the caller; audio that is ready waits.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample
from aiker.calls import answering
from aiker.calls.answering import Decision, Way
from aiker.calls.dictation import CONFIRMED
from aiker.calls.earlier import Earlier
from aiker.calls.events import CallEvent
from aiker.calls.grounded import Grounding
from aiker.calls.latency import Timeline
from aiker.calls.manners import Manner, manner_of
from aiker.calls.menu import Keyed
from aiker.calls.model_output.fallback import words_behind
from aiker.calls.model_output.filter import OutputFilter
from aiker.calls.model_output.stream import filter_for, spoken_words, without_thoughts
from aiker.calls.models import EndReason
from aiker.calls.passed_over import Why
from aiker.calls.playout import Segment
from aiker.calls.records import TurnRecord
from aiker.calls.spoken import Spoken
from aiker.calls.tools.spec import Called, as_text
from aiker.calls.tools.turn import ToolTurn
from aiker.calls.voice import Voice
from engines.adapters.client import Note
from engines.adapters.llm_adapter import Message, ToolCall
from engines.errors import EngineError
from engines.routing import Served
from knowledge.errors import RetrievalError
from knowledge.rag import Found

FILLER_HEARD_MS = 150
ANSWERED_WITHIN_S = 9.0
"""Of nothing to be heard of an answer; then it is given up. A caller takes ten seconds for a dead line."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Reply:
    """One answer in the making; see the module.

    It holds the sound of a turn, so nothing of it leads back to it when it is over: that would stay in memory
    until Python looks for garbage.
    """

    voice: Voice
    number: int
    audio: bytes
    speech_start_ms: float
    timeline: Timeline
    history: list[Message]
    question_before: str = ""
    pending: Called | None = None  # the tool that this turn may say yes to
    earlier: Earlier | None = None  # what a repetition repeats
    keyed: Keyed | None = None  # what the caller typed, instead of words or after them
    manner: Manner = Manner.NONE
    # Told when the transcript is known, or will not be; says whether to answer before the turn is over.
    on_heard: Callable[[Reply], bool] = lambda _reply: True
    # Says why words are no turn: they are then taken for none.
    screen: Callable[[str], Why] = lambda _text: Why.NONE
    passed_over: Why = Why.NONE
    user_text: str = ""
    heard_as: str = ""
    found: Found | None = None
    search_error: RetrievalError | None = None
    passages: list[dict[str, Any]] = field(default_factory=list)
    served: dict[str, Served] = field(default_factory=dict)
    error: EngineError | None = None
    recovered: bool = False  # the caller was answered in spite of the error
    output: OutputFilter | None = None  # what was made of the language model's last answer
    end_of_turn: dict[str, Any] = field(default_factory=dict)  # what ended it, see ``PauseJudge.as_dict``
    committed_at: float | None = None
    announced: bool = False
    fillers: list[Segment] = field(default_factory=list)  # said while the answer was late
    way: Way | None = None  # known once it is decided what is said
    grounding: Grounding | None = None  # what checked the language model's answer, if it was asked
    task: asyncio.Task[None] | None = None
    note: Note = field(init=False)  # told who served
    spoken: Spoken = field(init=False)
    tools: ToolTurn = field(init=False)
    listen: Callable[[Note], Awaitable[str]] | None = None  # instead of recognition, when it has run already
    barge_ins: list[dict[str, Any]] = field(default_factory=list)  # see docs/barge-in.md
    _commit: asyncio.Event = field(default_factory=asyncio.Event)
    _understood: asyncio.Event = field(default_factory=asyncio.Event)
    _cover: asyncio.Task[None] | None = None
    _late: asyncio.TimerHandle | None = None
    _limit: asyncio.Timeout | None = None
    _given: list[Message] = field(default_factory=list)  # what the language model answers

    def __post_init__(self) -> None:
        self.note = noting(self.served)
        self.spoken = Spoken(self.voice, self.number, self.timeline, self.note)
        stage = weakref.proxy(self)
        self.tools = ToolTurn(self.voice.desk, stage, self.number, self.voice.words.goodbye, self.pending)

    def start(self) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self._run(), name=f"reply-{self.number}")
        return self.task

    def commit(self, now_ms: float) -> None:
        """Let the answer out: the caller's turn ended at ``now_ms``."""
        self.committed_at = now_ms
        self.timeline.reached("committed", now_ms)
        self.voice.emit(CallEvent.TURN_COMMITTED, self.number)
        if self._understood.is_set():
            self._announce()
        self._commit.set()
        self.spoken.let_out()
        self._late = asyncio.get_running_loop().call_later(ANSWERED_WITHIN_S, self._give_up)
        if self.voice.fillers:
            self._cover = asyncio.create_task(self._fill(), name=f"filler-{self.number}")

    def cancel(self) -> None:
        self._uncover()
        if self.task and not self.task.done():
            self.task.cancel()
            self.task = None

    @property
    def committed(self) -> bool:
        """Whether the caller's turn is over."""
        return self.committed_at is not None

    @property
    def asked(self) -> str:
        """What is answered: the caller's words, or the question that they stand for."""
        if self.keyed and self.keyed.asked:
            return self.keyed.asked
        again = self.earlier if self.manner.repeats else None
        return again.question if again and not again.clauses else self.user_text

    @property
    def listens(self) -> bool:
        """Whether the caller only asked for the floor: nothing is said until they go on, or do not."""
        return self.manner is Manner.LISTEN and self._decide().text == answering.GO_ON

    @property
    def topic(self) -> str:
        """What the next question may lean on."""
        return answering.topic_after(self.asked, self.found, self.question_before)

    @property
    def ending(self) -> EndReason | None:
        """Why the call is over once this was said, if it is."""
        goodbye = self.manner is Manner.GOODBYE and not self.error
        return self.tools.ending or (EndReason.GOODBYE if goodbye else None)

    @property
    def done(self) -> bool:
        """Whether everything was said, or failed."""
        return self.task is not None and self.task.done()

    @property
    def answered_from(self) -> float | None:
        """From when on what the caller hears is the answer: the end of their turn, or that of a filler."""
        last = self.fillers[-1] if self.fillers else None
        filler_end = last.plays_at(len(last.audio) - 1) if last else None
        return filler_end or self.committed_at

    def filler_heard(self, at_ms: float) -> bool:
        """Whether a filler had been playing long enough at a moment for what is said then to be about it."""
        begun = self.fillers[0].plays_at(0) if self.fillers else None
        return begun is not None and at_ms - begun >= FILLER_HEARD_MS

    def _note_audible(self) -> None:
        """Fill in when the answer's first audible sample is played, once it was sent; and the filler's."""
        if self.fillers:
            first, last = self.fillers[0], self.fillers[-1]
            loud = first_loud_sample(g711.decode(bytes(first.audio)))
            self.timeline.reached("filler", first.plays_at(loud or 0))
            self.timeline.reached("filler_end", last.plays_at(len(last.audio) - 1))
        self.timeline.reached("audible", self.spoken.audible_from)

    def record(self, now_ms: float, at_ms: int, recorded_ms: int | None, *, interrupted: bool) -> TurnRecord:
        """Return the record of the turn as it stands at ``now_ms``; ``at_ms`` is where the caller began.

        ``recorded_ms`` is voice-to-voice as the recording has it.
        """
        self._note_audible()
        return TurnRecord(
            number=self.number,
            at_ms=at_ms,
            user_text=self.user_text,
            heard_as=self.heard_as,
            assistant_text=self.spoken.text,
            heard_text=self.spoken.heard(now_ms),
            interrupted=interrupted,
            barge_ins=self.barge_ins,
            voice_to_voice_ms=self.timeline.voice_to_voice,
            recorded_voice_to_voice_ms=recorded_ms,
            contributions=[share._asdict() for share in self.timeline.contributions()],
            moments=self.timeline.as_dict()
            | {"end_of_turn": self.end_of_turn, "speech_end_at": round(self.timeline.speech_end)}
            | ({"model_output": self.output.notes} if self.output and self.output.notes else {}),
            passages=self.passages,
            retrieval=self._retrieval(),
            engines={stage: served.engine for stage, served in self.served.items()},
            routing={stage: served.as_dict() for stage, served in self.served.items()},
            error=self.error.as_dict() if self.error else {},
            tools=[run.as_dict() for run in self.tools.runs],
            manner=self.manner.value,
        )

    def _retrieval(self) -> dict[str, Any]:
        """Return how the answer was found, or why not, which way it came, and what the guard stopped."""
        found = summary(self.found, self.spoken.source) if self.found else {}
        if error := self.search_error:
            found = {"version": error.index_version, "failed": error.code}
        if self.way:
            found["way"] = self.way.value
        if self.grounding and self.grounding.guard:
            found["guard"] = {"stopped": self.grounding.stopped}
        return found

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(None) as self._limit:
                await self._understand()
                if self.user_text:
                    await self._answer()
        except EngineError as exc:
            await self._fail(exc)
        except TimeoutError:
            within = f"nothing to be heard within {ANSWERED_WITHIN_S:g} s of the caller's turn"
            await self._fail(EngineError(self._awaited, "late", within))
        # A guess that is ready, or failed, waits to be wanted.
        await self._commit.wait()
        self._uncover()

    async def _fail(self, error: EngineError) -> None:
        self.error = error.with_traceback(None)
        self.on_heard(self)
        await self._recover(error)

    def _uncover(self) -> None:
        """Say no more fillers, and give the answer up no more."""
        if self._cover:
            self._cover.cancel()
            self._cover = None
        if self._late:
            self._late.cancel()
            self._late = None
        self._limit = None  # it keeps the task, and a cancelled task what it was doing: this reply

    async def _fill(self) -> None:
        """Say a filler, and another, while there is nothing to hear of the answer to words."""
        voice = self.voice
        while True:
            await asyncio.sleep(voice.fillers.after_s)
            await self._understood.wait()
            if not self.user_text or self.spoken.has_audio:
                return
            line = voice.fillers.next(self.number)
            audio = await voice.phrases.fetch(voice.tts, line) if line else None
            # One that was not made ahead would keep the engine from the answer.
            if not audio or self.spoken.has_audio:
                return
            self.fillers.append(Segment(line, bytearray(audio), closed=True))
            voice.speaker.put_first(self.fillers[-1])
            voice.speaker.wake()
            voice.emit(CallEvent.FILLER, self.number, text=line)
            await asyncio.sleep(len(audio) / g711.RATE)

    def _give_up(self) -> None:
        """End an answer of which nothing is heard: an apology is better than more silence."""
        if self._limit and not self.spoken.has_audio and not self.tools.acted:
            self._limit.reschedule(asyncio.get_running_loop().time())

    @property
    def _awaited(self) -> str:
        """The stage that the answer waits for."""
        if not self._understood.is_set():
            return "stt"
        return "tts" if self.spoken.text else "llm"

    async def _hear(self) -> str:
        if self.listen:
            return await self.listen(self.note)
        if not self.audio:
            return ""
        last = self.history[-1]["content"] if self.history else ""
        return await self.voice.stt.transcribe(self.audio, self.note, answering.expected_words(last))

    async def _understand(self) -> None:
        voice = self.voice
        heard = await self._hear()
        self.user_text = voice.correct(heard)
        self.heard_as = heard if heard != self.user_text else ""
        if not self.keyed and (why := self.screen(self.user_text)):
            self.passed_over, self.heard_as, self.user_text = why, self.user_text, ""
        self.manner = manner_of(self.user_text)
        if self.keyed:
            self.user_text, self.manner = self.user_text + self.keyed.text, self.keyed.manner
        self.reached("transcript")
        self._announce()
        self._understood.set()
        if not self.on_heard(self):
            await self._commit.wait()
        if not self.user_text or voice.knowledge is None or self._tool or not self._asks:
            return
        try:
            before = answering.context_of(self.asked, self.question_before)
            found = await voice.knowledge.search(self.asked, before=before, k=voice.passages)
        except RetrievalError as exc:
            # The call goes on without passages; the model is told to hand over when it does not know.
            self.search_error = exc
            self._complain(exc)
            return
        self._take(found)

    def _take(self, found: Found) -> None:
        """Keep what was found, for the answer and for the record."""
        result = found.result
        if result.reranked:
            self.note(result.reranked)
        for failed in (result.failed, result.rerank_error):
            if failed:
                self._complain(failed)
        self.found = found
        self.reached("passages")
        self.passages = answering.shown(found.passages)
        self.voice.emit(CallEvent.PASSAGES, self.number, passages=self.passages)

    def _complain(self, exc: RetrievalError | EngineError) -> None:
        self.voice.emit(CallEvent.ERROR, self.number, stage=exc.stage, code=exc.code, message=exc.message)

    def _announce(self) -> None:
        self.voice.emit(CallEvent.TRANSCRIPT, self.number, text=self.user_text, final=self.committed)

    @property
    def _tool(self) -> Called | None:
        """The tool that the caller's words call; those of a repetition did so already."""
        return None if self.manner.repeats else self.tools.called_by(self.asked)

    def _messages(self, passages: list[dict[str, Any]]) -> list[Message]:
        # A question that is asked again must not find its broken answer there.
        history = self.history[:-2] if self.manner.repeats else self.history
        return answering.messages(self.voice.system_prompt, history, self.asked, passages)

    @property
    def _asks(self) -> bool:
        """Whether it is a question: not typed figures, nor the conversation's manners."""
        return self.asked != self.user_text or not (self.manner or self.keyed)

    async def _answer(self) -> None:
        if called := self._tool:
            await self.tools.perform(called)
            return
        if self.manner.repeats and self.earlier and self.earlier.clauses:
            await self.spoken.repeat(self.earlier, slower=self.manner is Manner.SLOWER)
            return
        self.way, fixed = self._decide()
        if self.listens:
            return
        may_call = (
            self.tools.offered
            and self._asks
            and not self.manner.repeats
            and not (self.found and self.found.spoken)
            # A number that was dictated is read back first; what it was for follows when it is confirmed.
            and (self.way is not Way.MANNER or fixed == CONFIRMED)
        )
        if fixed and not may_call:
            await self.spoken.recite(fixed)
            return
        messages = self._messages(self.passages)
        if may_call:
            await self.tools.converse(messages, otherwise=fixed)
        else:
            self._given = messages
            await self.say(self.voice.llm.stream(messages, self.note))
        if not self.spoken.segments:
            raise EngineError("llm", "empty", "the language model answered with nothing that can be said")
        if not self.spoken.has_audio:
            raise EngineError("tts", "empty", "the voice made no sound of the answer")

    async def _recover(self, error: EngineError) -> None:
        """Say the entry's own words in place of an answer that the language model did not give."""
        if error.stage != "llm" or self.tools.acted:
            return
        words = words_behind(self.spoken.text, self.found, self.voice.output.max_chars)
        if words is None:
            return
        try:
            await self.spoken.recite(words)
        except EngineError as exc:
            self._complain(exc)
        else:
            self.recovered = True
            self.way = Way.WRITTEN if words else self.way

    def _decide(self) -> Decision:
        if self.keyed and self.keyed.say and self.asked == self.user_text:
            return Decision(Way.MANNER, self.keyed.say)
        return answering.decide(self.asked, self.found, self.voice.words, timezone.localtime(), self.history)

    def _grounding(self) -> Grounding:
        if self.voice.knowledge is None:
            return Grounding()
        made = answering.grounding(self.asked, self.found, self.voice.words, timezone.localtime())
        if made.guard and (results := [as_text(run.result) for run in self.tools.runs if not run.error]):
            guard = replace(made.guard, sources=[*made.guard.sources, *results], figures_only=True)
            made = replace(made, guard=guard)
        self.grounding = made
        return made

    # -- what tools do with an answer (``tools.turn.Stage``)

    async def certain(self) -> None:
        await self._commit.wait()

    def ask(self, messages: list[Message], tools: Sequence[dict[str, Any]]) -> AsyncIterator[str | ToolCall]:
        self._given = messages
        return without_thoughts(self.voice.llm.converse(messages, tools, self.note))

    def about(self, result: str, title: str) -> list[Message]:
        passages = [{"title": title, "text": result}]
        return self._messages(passages)

    @property
    def has_spoken(self) -> bool:
        return bool(self.spoken.segments or self.fillers)

    def reached(self, moment: str) -> None:
        self.timeline.reached(moment, self.voice.now())

    async def say(self, pieces: AsyncIterator[str]) -> None:
        """Say what of the language model's answer may be said; EngineError when that is nothing."""
        self.way = Way.MODEL
        self.output = filter_for(self.voice.output, self.asked, self._given)
        words = spoken_words(
            pieces,
            self.output,
            engine=lambda: self.served["llm"].engine,
            on_first=lambda: self.reached("first_token"),
        )
        await self.spoken.say(words, self._grounding())

    async def recite(self, text: str) -> None:
        await self.spoken.recite(text)


def noting(served: dict[str, Served]) -> Note:
    """Return what keeps who served each stage; of the clauses of an answer, the one served differently."""

    def note(by: Served) -> None:
        if by.stage not in served or by.skipped:
            served[by.stage] = by

    return note


def summary(found: Found, recited: str) -> dict[str, Any]:
    """Return what a search was, for the turn's record; times in ms.

    ``audio`` is where a fixed answer's came from ("cache", "engine"), "" when the language model answered.
    """
    result = found.result
    return {
        "version": found.index_version,
        "query": result.query,
        "queries": list(result.queries),
        "confidence": round(found.confidence, 3),
        "verbatim": bool(found.spoken),
        "audio": recited,
        "embed_ms": round(result.embed_ms, 1),
        "dense_ms": round(result.dense_ms, 1),
        "keyword_ms": round(result.keyword_ms, 1),
        "rerank_ms": round(result.rerank_ms, 1),
        "total_ms": round(result.total_ms, 1),
    }
