"""The timers of a call, by name: setting one again replaces it.

::

    timers = Timers(loop, on_error)
    timers.set("silence", 8.0, on_silence)
    timers.cancel("silence")
    timers.stop()                    # the call is over: none runs any more, and none is taken
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """See the module. Lives on the event loop; ``on_error`` gets what a callback raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_error: Callable[[Exception], None]) -> None:
        self._loop = loop
        self._on_error = on_error
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False

    def set(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self.cancel(name)
        if not self._stopped:
            self._handles[name] = self._loop.call_later(seconds, self._run, callback)

    def cancel(self, name: str) -> None:
        if handle := self._handles.pop(name, None):
            handle.cancel()

    def stop(self) -> None:
        self._stopped = True
        for handle in self._handles.values():
            handle.cancel()

    def _run(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as exc:
            self._on_error(exc)
