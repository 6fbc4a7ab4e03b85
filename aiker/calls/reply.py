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
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample
from aiker.calls import prompt
from aiker.calls.clauses import ClauseSplitter
from aiker.calls.events import CallEvent
from aiker.calls.latency import Timeline
from aiker.calls.playout import Segment, heard
from aiker.calls.records import TurnRecord
from aiker.calls.speaker import Speaker
from engines.adapters.llm_adapter import LLMAdapter, Message
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.routing import Served
from knowledge.errors import RetrievalError
from knowledge.retrieval import RetrievalResult


class Emit(Protocol):
    def __call__(self, kind: CallEvent, turn: int | None = None, **data: Any) -> None: ...


class Knowledge(Protocol):
    async def search(self, query: str, k: int) -> RetrievalResult: ...


@dataclass(frozen=True, slots=True)
class Voice:
    """What a reply needs of its call: the engines, the knowledge, the way out."""

    stt: STTAdapter
    llm: LLMAdapter
    tts: TTSAdapter
    knowledge: Knowledge | None
    passages: int
    system_prompt: str
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
    user_text: str = ""
    passages: list[dict[str, Any]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    served: dict[str, Served] = field(default_factory=dict)
    error: EngineError | None = None
    committed: bool = False
    announced: bool = False
    task: asyncio.Task[None] | None = None
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
            assistant_text=self.assistant_text,
            heard_text=self.heard_text(now_ms),
            interrupted=interrupted,
            voice_to_voice_ms=self.timeline.voice_to_voice,
            contributions=[share._asdict() for share in self.timeline.contributions()],
            moments=self.timeline.as_dict(),
            passages=self.passages,
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
        self.user_text = await voice.stt.transcribe(self.audio, self._note)
        self.timeline.transcript = voice.now()
        self._announce()
        if not self.user_text or voice.knowledge is None:
            return
        try:
            result = await voice.knowledge.search(self.user_text, k=voice.passages)
        except RetrievalError as exc:
            # The call goes on without passages; the model is told to hand over when it does not know.
            voice.emit(CallEvent.ERROR, self.number, stage=exc.stage, code=exc.code, message=exc.message)
            return
        if result.reranked:
            self._note(result.reranked)
        if failed := result.rerank_error:
            voice.emit(CallEvent.ERROR, self.number, **failed.as_dict())
        self.timeline.passages = voice.now()
        self.passages = [
            {"key": p.key, "title": p.title, "text": p.text, "score": round(p.score, 3)}
            for p in result.passages
        ]
        voice.emit(CallEvent.PASSAGES, self.number, passages=self.passages)

    def _announce(self) -> None:
        self.voice.emit(CallEvent.TRANSCRIPT, self.number, text=self.user_text, final=self.committed)

    async def _answer(self) -> None:
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

    async def _think(self, clauses: asyncio.Queue[str | None]) -> None:
        timeline, splitter = self.timeline, ClauseSplitter()
        new = prompt.question(self.user_text, self.passages)
        messages = prompt.conversation(self.voice.system_prompt, self.history, new)
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
