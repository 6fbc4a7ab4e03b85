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
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample
from aiker.calls import answering
from aiker.calls.clauses import ClauseSplitter, clauses_of
from aiker.calls.events import CallEvent
from aiker.calls.latency import Timeline
from aiker.calls.phrases import PhraseCache
from aiker.calls.playout import Segment, heard
from aiker.calls.records import TurnRecord
from aiker.calls.speaker import Speaker
from engines.adapters.client import Note
from engines.adapters.llm_adapter import LLMAdapter, Message
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.routing import Served
from knowledge.errors import RetrievalError
from knowledge.rag import Found


class Emit(Protocol):
    def __call__(self, kind: CallEvent, turn: int | None = None, **data: Any) -> None: ...


class Knowledge(Protocol):
    async def search(self, question: str, *, before: str = "", k: int = 3) -> Found: ...


@dataclass(frozen=True, slots=True)
class Voice:
    """What a reply needs of its call: the engines, the knowledge, the way out."""

    stt: STTAdapter
    llm: LLMAdapter
    tts: TTSAdapter
    phrases: PhraseCache
    knowledge: Knowledge | None
    passages: int
    no_answer: str
    system_prompt: str
    correct: Callable[[str], str]  # the transcript, before anything is made of it
    speaker: Speaker
    emit: Emit
    now: Callable[[], float]


@dataclass(slots=True, eq=False)
class Reply:
    """One answer in the making; see the module."""

    voice: Voice
    number: int
    audio: bytes
    speech_start_ms: float
    timeline: Timeline
    history: list[Message]
    question_before: str = ""
    user_text: str = ""
    heard_as: str = ""
    found: Found | None = None
    passages: list[dict[str, Any]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    served: dict[str, Served] = field(default_factory=dict)
    error: EngineError | None = None
    recited: str = ""  # where the audio of a fixed answer came from: cache, engine
    committed: bool = False
    announced: bool = False
    task: asyncio.Task[None] | None = None
    listen: Callable[[Note], Awaitable[str]] | None = None  # instead of recognition, when it has run already
    barge_ins: list[dict[str, Any]] = field(default_factory=list)  # see docs/barge-in.md
    _commit: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        self.task = asyncio.create_task(self._run(), name=f"reply-{self.number}")

    def commit(self, now_ms: float) -> None:
        """Let the answer out: the caller's turn ended at ``now_ms``."""
        self.committed = True
        self.timeline.committed = now_ms
        self.voice.emit(CallEvent.TURN_COMMITTED, self.number)
        if self.timeline.transcript is not None:
            self._announce()
        self._commit.set()
        for segment in self.segments:
            self._open(segment)
        self.voice.speaker.wake()

    def cancel(self) -> None:
        if self.task:
            self.task.cancel()

    @property
    def topic(self) -> str:
        """What the next question may lean on."""
        return self.found.topic if self.found else self.user_text

    @property
    def done(self) -> bool:
        """Whether everything was said, or failed."""
        return self.task is not None and self.task.done()

    @property
    def assistant_text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def was_sent(self) -> bool:
        """Whether any of it went to the caller."""
        return any(segment.runs for segment in self.segments)

    def heard_text(self, now_ms: float) -> str:
        """Return what of the answer was played by ``now_ms``."""
        return "".join(heard(segment, now_ms) for segment in self.segments)

    def _note_audible(self) -> None:
        """Fill in when the answer's first audible sample is played, once it was sent."""
        for segment in self.segments:
            first = first_loud_sample(g711.decode(bytes(segment.audio)))
            if first is not None:
                self.timeline.audible = segment.plays_at(first)
                return

    def record(self, now_ms: float, at_ms: int, *, interrupted: bool) -> TurnRecord:
        """Return the record of the turn as it stands at ``now_ms``; ``at_ms`` is where the caller began."""
        self._note_audible()
        return TurnRecord(
            number=self.number,
            at_ms=at_ms,
            user_text=self.user_text,
            heard_as=self.heard_as,
            assistant_text=self.assistant_text,
            heard_text=self.heard_text(now_ms),
            interrupted=interrupted,
            barge_ins=self.barge_ins,
            voice_to_voice_ms=self.timeline.voice_to_voice,
            contributions=[share._asdict() for share in self.timeline.contributions()],
            moments=self.timeline.as_dict(),
            passages=self.passages,
            retrieval=summary(self.found, self.recited) if self.found else {},
            engines={stage: served.engine for stage, served in self.served.items()},
            routing={stage: served.as_dict() for stage, served in self.served.items()},
            error=self.error.as_dict() if self.error else {},
        )

    def _note(self, served: Served) -> None:
        """Keep who served a stage; of the clauses of an answer, the one that was served differently."""
        if served.stage not in self.served or served.skipped:
            self.served[served.stage] = served

    async def _run(self) -> None:
        try:
            await self._understand()
            if self.user_text:
                await self._answer()
        except EngineError as exc:
            self.error = exc
        # A guess that is ready, or failed, waits to be wanted.
        await self._commit.wait()

    async def _understand(self) -> None:
        voice = self.voice
        heard = await (
            self.listen(self._note) if self.listen else voice.stt.transcribe(self.audio, self._note)
        )
        self.user_text = voice.correct(heard)
        self.heard_as = heard if heard != self.user_text else ""
        self.timeline.transcript = voice.now()
        self._announce()
        if not self.user_text or voice.knowledge is None:
            return
        try:
            found = await voice.knowledge.search(
                self.user_text, before=self.question_before, k=voice.passages
            )
        except RetrievalError as exc:
            # The call goes on without passages; the model is told to hand over when it does not know.
            self._complain(exc)
            return
        self._take(found)

    async def _hear(self, note: Note) -> str:
        return await self.voice.stt.transcribe(self.audio, note)

    def _take(self, found: Found) -> None:
        """Keep what was found, for the answer and for the record."""
        result = found.result
        if result.reranked:
            self._note(result.reranked)
        for failed in (result.failed, result.rerank_error):
            if failed:
                self._complain(failed)
        self.found = found
        self.timeline.passages = self.voice.now()
        self.passages = answering.shown(found.passages)
        self.voice.emit(CallEvent.PASSAGES, self.number, passages=self.passages)

    def _complain(self, exc: RetrievalError | EngineError) -> None:
        self.voice.emit(CallEvent.ERROR, self.number, stage=exc.stage, code=exc.code, message=exc.message)

    def _announce(self) -> None:
        self.voice.emit(CallEvent.TRANSCRIPT, self.number, text=self.user_text, final=self.committed)

    async def _answer(self) -> None:
        if fixed := answering.fixed_answer(self.user_text, self.found, self.voice.no_answer):
            await self._recite(fixed)
            return
        clauses: asyncio.Queue[str | None] = asyncio.Queue()
        thinker = asyncio.create_task(self._think(clauses), name=f"think-{self.number}")
        try:
            while (clause := await clauses.get()) is not None:
                await self._speak(clause)
            await thinker
            if not self.segments:
                raise EngineError("llm", "empty", "the language model answered with nothing that can be said")
        finally:
            thinker.cancel()

    async def _recite(self, text: str) -> None:
        """Say a fixed text clause by clause: from the cache of this voice, or else from the engine."""
        voice, self.recited = self.voice, "cache"
        for clause in clauses_of(text):
            if (audio := await voice.phrases.fetch(voice.tts, clause)) is not None:
                self._play(clause, audio)
            else:
                self.recited = "engine"
                await self._speak(clause)

    def _play(self, clause: str, audio: bytes) -> None:
        if self.timeline.first_audio is None:
            self.timeline.first_audio = self.voice.now()
        segment = Segment(clause, bytearray(audio), closed=True)
        self.segments.append(segment)
        if self.committed:
            self._open(segment)
        self.voice.speaker.wake()

    async def _think(self, clauses: asyncio.Queue[str | None]) -> None:
        timeline, splitter = self.timeline, ClauseSplitter()
        messages = answering.messages(self.voice.system_prompt, self.history, self.user_text, self.passages)
        try:
            async for text in self.voice.llm.stream(messages, self._note):
                if timeline.first_token is None:
                    timeline.first_token = self.voice.now()
                for clause in splitter.feed(text):
                    self._offer(clauses, clause)
            for clause in splitter.finish():
                self._offer(clauses, clause)
        finally:
            clauses.put_nowait(None)

    def _offer(self, clauses: asyncio.Queue[str | None], clause: str) -> None:
        if self.timeline.first_clause is None:
            self.timeline.first_clause = self.voice.now()
        clauses.put_nowait(clause)

    async def _speak(self, clause: str) -> None:
        segment = Segment(clause)
        self.segments.append(segment)
        if self.committed:
            self._open(segment)
        try:
            async for mulaw in self.voice.tts.stream(clause, self._note):
                if self.timeline.first_audio is None:
                    self.timeline.first_audio = self.voice.now()
                segment.audio += mulaw
                self.voice.speaker.wake()
        finally:
            segment.closed = True
            self.voice.speaker.wake()

    def _open(self, segment: Segment) -> None:
        self.voice.speaker.append(segment)
        self.voice.emit(CallEvent.REPLY_TEXT, self.number, text=segment.text)


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
