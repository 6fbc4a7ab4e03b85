"""A reply that is held because the caller made a sound, until it is known what the sound was.

::

    hold = Hold(decision, BargeInSettings(), question=False, recognise=..., on_verdict=...)
    hold.take(decision)                  # what turn taking decides meanwhile
    hold.window(32, probability)         # each window of the caller's audio
    # on_verdict(hold, Act.RESUME | Act.INTERRUPT) is called once
    hold.close()                         # nobody wants the verdict any more

While it lasts nothing but recognition runs for the caller's words: no search, no language model, no voice.
Lives on the event loop; ``barge_in`` decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiker.calls.barge_in import Act, BargeIn, BargeInSettings
from aiker.calls.turn_taking import Decision, Turn
from engines.adapters.client import Note
from engines.errors import EngineError
from engines.routing import Served

logger = logging.getLogger(__name__)

Recognise = Callable[[float, float, Note], Awaitable[str]]
"""Transcribe the caller's audio between two moments (ms of the caller's audio time)."""


class Hold:
    """See the module. ``said`` is what was recognised; ``pause`` and ``end`` what turn taking made of it."""

    def __init__(
        self,
        started: Decision,
        settings: BargeInSettings,
        *,
        question: bool,
        recognise: Recognise,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_verdict: Callable[[Hold, Act], None],
    ) -> None:
        self.said = ""
        self.pause: Decision | None = None
        self.end: Decision | None = None
        self.start_ms = started.speech_start_ms
        self._now_ms = started.at_ms
        self._barge_in = BargeIn(settings, started.at_ms - started.speech_start_ms, question=question)
        self._recognise = recognise
        self._spawn = spawn
        self._on_verdict = on_verdict
        self._task: asyncio.Task[None] | None = None
        self._served: list[Served] = []
        self._error: EngineError | None = None

    @property
    def outcome(self) -> str:
        """What the sound was: noise, backchannel, words; empty while that is open."""
        return self._barge_in.meaning or ""

    def take(self, decision: Decision) -> None:
        """Keep a decision of turn taking for the turn that may come of it."""
        match decision.kind:
            case Turn.SPEECH_STARTED | Turn.RESUMED:
                self.pause = self.end = None
            case Turn.PAUSED:
                self.pause = decision
            case Turn.ENDED:
                self.end = decision

    def window(self, window_ms: float, probability: float) -> None:
        """Take the next window of the caller's audio."""
        self._now_ms += window_ms
        match self._barge_in.step(window_ms, probability):
            case Act.RECOGNISE:
                self._task = self._spawn(self._hear())
            case Act.WITHDRAW:
                self.close()
            case (Act.RESUME | Act.INTERRUPT) as verdict:
                self._on_verdict(self, verdict)

    async def heard(self, note: Note) -> str:
        """Return the transcript for the turn that came of it, once it is there; EngineError as then."""
        assert self._task is not None
        await self._task
        for served in self._served:
            note(served)
        if self._error:
            raise self._error
        return self.said

    @property
    def recognised(self) -> bool:
        """Whether the words as far as ``pause`` are known, or will be."""
        return self._task is not None

    def close(self) -> None:
        """Stop recognising."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _hear(self) -> None:
        task = asyncio.current_task()
        self._served, self._error = [], None
        text = None
        try:
            text = await self._recognise(self.start_ms, self._now_ms, self._served.append)
        except EngineError as exc:
            logger.info("a barge-in could not be recognised: %s", exc.message)
            self._error = exc
        self.said = text or ""
        if task is self._task and not self.outcome:
            self._on_verdict(self, self._barge_in.words(text))
