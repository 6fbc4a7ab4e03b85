"""What the caller is saying, shown while it is said: the transcript so far, where recognition is quick.

::

    partials = Partials(hear, show, spawn, now, load_limit=3.0)
    partials.begin()            # speech started, or goes on
    partials.step()             # with each window of speech: asks now and then
    partials.stop()             # a pause: from here on the whole turn is recognised

A recognition that runs keeps the engine from the next one, which may be that of the whole turn. So it runs a
tenth of the time at most: every second where it takes 100 ms, every three where it takes 300. Nothing of a
call waits for it or depends on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiker.calls.speculation import load_per_core
from engines.errors import EngineError

logger = logging.getLogger(__name__)

LEAST_MS = 1000.0
SHARE = 10  # of its time, recognition may take one part
UNKNOWN_MS = 300.0  # what it takes, until that is known


class Partials:
    """See the module. ``hear`` recognises the turn so far, ``now`` is in ms, ``load`` per core."""

    def __init__(
        self,
        hear: Callable[[], Awaitable[str]],
        show: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        now: Callable[[], float],
        load_limit: float,
        load: Callable[[], float] = load_per_core,
    ) -> None:
        self._hear = hear
        self._show = show
        self._spawn = spawn
        self._now = now
        self._load_limit = load_limit
        self._load = load
        self._takes_ms = UNKNOWN_MS
        self._due: float | None = None  # None: the caller does not speak
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask for the transcript so far in a while, if the caller still speaks then."""
        self._put_off(self._now())

    def step(self) -> None:
        """Ask now, when it is time and the machine has room."""
        if self._due is None or self._now() < self._due:
            return
        self._put_off(self._now())
        if self._load() <= self._load_limit:
            self._task = self._spawn(self._run())

    def stop(self) -> None:
        self._due = None
        if self._task:
            self._task.cancel()

    def _put_off(self, since_ms: float) -> None:
        self._due = since_ms + max(LEAST_MS, SHARE * self._takes_ms)

    async def _run(self) -> None:
        began = self._now()
        try:
            text = await self._hear()
        except EngineError as exc:
            # The recognition of the whole turn will say so, if it is still true then.
            logger.info("no partial transcript: %s", exc.message)
            return
        self._takes_ms = self._now() - began
        self._put_off(began)
        if text:
            self._show(text)
