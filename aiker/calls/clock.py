"""The time of a call.

::

    clock = Clock(loop)
    clock.start()        # the call was answered
    clock.now()          # ms since then; since it was made, before
"""

from __future__ import annotations

import asyncio


class Clock:
    """See the module. Lives on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.start()

    def start(self) -> None:
        self._zero = self._loop.time()

    def now(self) -> float:
        return (self._loop.time() - self._zero) * 1000
