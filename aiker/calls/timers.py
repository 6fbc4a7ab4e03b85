"""The timers of a call, by name: setting one again replaces it.

::

    timers = Timers(loop)
    timers.set("silence", 8.0, on_silence)
    timers.cancel("silence")
    timers.stop()                    # the call is over: none runs any more, and none is taken
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """See the module. Lives on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False

    def set(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self.cancel(name)
        if not self._stopped:
            self._handles[name] = self._loop.call_later(seconds, callback)

    def cancel(self, name: str) -> None:
        if handle := self._handles.pop(name, None):
            handle.cancel()

    def stop(self) -> None:
        self._stopped = True
        for handle in self._handles.values():
            handle.cancel()
