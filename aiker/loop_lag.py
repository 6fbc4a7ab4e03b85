"""How late the event loop of the web process is: what every call on it waits for.

::

    application = with_lag_meter(application)

    @receiver(loop_lagged)
    def keep(seconds: float, **_): ...

The meter starts with the first connection, as no loop runs before, and asks to be called every
``INTERVAL_S``: by how much later it is called is the lag. Receivers run on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.dispatch import Signal

INTERVAL_S = 0.5

App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

loop_lagged = Signal()
"""``seconds``: how late the loop was just now."""


class LagMeter:
    """Measures the loop it is started on, until that ends."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._loop: asyncio.AbstractEventLoop | None = None

    def ensure_started(self) -> None:
        """Measure the running loop; the second call on the same loop does nothing."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._ask(loop)

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + self._interval_s
        loop.call_at(due, self._called, loop, due)

    def _called(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        loop_lagged.send_robust(sender=type(self), seconds=max(0.0, loop.time() - due))
        self._ask(loop)


def with_lag_meter(app: App) -> App:
    """Return ``app``, measured from its first connection on."""
    meter = LagMeter()

    async def measured(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        meter.ensure_started()
        await app(scope, receive, send)

    return measured
