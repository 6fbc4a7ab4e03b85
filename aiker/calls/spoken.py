"""What the assistant says in one turn, clause by clause, while it is written and made.

::

    spoken = Spoken(voice, number=3, timeline=timeline, note=note)
    await spoken.say(llm.stream(messages), grounding)     # or ``recite``, ``repeat``
    spoken.let_out()                           # the turn is over: what is ready may go out, and what comes
    spoken.text, spoken.heard(now_ms)

Until ``let_out`` nothing reaches the caller; audio that is ready waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample
from aiker.calls.clauses import clauses_of
from aiker.calls.earlier import Earlier
from aiker.calls.events import CallEvent
from aiker.calls.grounded import Grounding
from aiker.calls.latency import Timeline
from aiker.calls.playout import Segment, heard
from aiker.calls.voice import Voice
from engines.adapters.client import Note
from engines.adapters.tts_adapter import TTSAdapter


class Spoken:
    """See the module. ``note`` is told who served."""

    def __init__(self, voice: Voice, number: int, timeline: Timeline, note: Note) -> None:
        self.segments: list[Segment] = []
        self.source = ""  # where the audio of a fixed text came from: cache, engine
        self._voice = voice
        self._number = number
        self._timeline = timeline
        self._note = note
        self._out = False

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def has_audio(self) -> bool:
        """Whether any of it is there to be heard."""
        return any(segment.audio for segment in self.segments)

    @property
    def was_sent(self) -> bool:
        """Whether any of it went to the caller."""
        return any(segment.runs for segment in self.segments)

    @property
    def plays_from(self) -> float | None:
        """When its first frame is played, None while nothing went to the caller."""
        return next((segment.runs[0][0] for segment in self.segments if segment.runs), None)

    @property
    def audible_from(self) -> float | None:
        """When its first audible sample is played, None while that is not known."""
        for segment in self.segments:
            first = first_loud_sample(g711.decode(bytes(segment.audio)))
            if first is not None:
                return segment.plays_at(first)
        return None

    def heard(self, now_ms: float) -> str:
        """Return what of it was played by ``now_ms``."""
        return "".join(heard(segment, now_ms) for segment in self.segments)

    def let_out(self) -> None:
        """Queue what is ready, and from now on what comes."""
        self._out = True
        for segment in self.segments:
            self._open(segment)
        self._voice.speaker.wake()

    async def say(self, pieces: AsyncIterator[str], grounding: Grounding) -> None:
        """Say a text clause by clause while it is written, as far as ``grounding`` supports it."""
        clauses: asyncio.Queue[str | None] = asyncio.Queue()
        thinker = asyncio.create_task(self._think(clauses, pieces, grounding), name=f"think-{self._number}")
        try:
            while (clause := await clauses.get()) is not None:
                await self._speak(clause)
            await thinker
        finally:
            thinker.cancel()

    async def recite(self, text: str) -> None:
        """Say a fixed text clause by clause: from the cache of this voice, or else from the engine."""
        voice, self.source = self._voice, "cache"
        for clause in clauses_of(text):
            if (audio := await voice.phrases.fetch(voice.tts, clause)) is not None:
                self._play(clause, audio)
            else:
                self.source = "engine"
                await self._speak(clause)

    async def repeat(self, earlier: Earlier, *, slower: bool) -> None:
        """Say what was said before: its audio is there, unless it is to be slower."""
        tts = self._voice.tts.slower() if slower else None
        for clause, audio in earlier.clauses:
            if tts:
                await self._speak(clause, tts)
            else:
                self._play(clause, audio)

    def _play(self, clause: str, audio: bytes) -> None:
        self._reached("first_audio")
        self._add(Segment(clause, bytearray(audio), closed=True))
        self._voice.speaker.wake()

    async def _think(
        self, clauses: asyncio.Queue[str | None], pieces: AsyncIterator[str], grounding: Grounding
    ) -> None:
        try:
            async with aclosing(grounding.clauses(self._timed(pieces))) as supported:
                async for clause in supported:
                    self._reached("first_clause")
                    clauses.put_nowait(clause)
        finally:
            clauses.put_nowait(None)

    async def _timed(self, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for text in pieces:
                self._reached("first_token")
                yield text
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def _speak(self, clause: str, tts: TTSAdapter | None = None) -> None:
        segment = Segment(clause)
        self._add(segment)
        try:
            async for mulaw in (tts or self._voice.tts).stream(clause, self._note):
                self._reached("first_audio")
                segment.audio += mulaw
                self._voice.speaker.wake()
        finally:
            segment.closed = True
            self._voice.speaker.wake()

    def _add(self, segment: Segment) -> None:
        self.segments.append(segment)
        if self._out:
            self._open(segment)

    def _open(self, segment: Segment) -> None:
        self._voice.speaker.append(segment)
        self._voice.emit(CallEvent.REPLY_TEXT, self._number, text=segment.text)

    def _reached(self, moment: str) -> None:
        self._timeline.reached(moment, self._voice.now())
