"""The lines of this process: calls hold them, not sockets that never begin a call.

::

    lines = Lines()
    oldest = lines.wait(socket)            # a socket is open; the one that has to give way for it, if any
    lines.admit(socket, session, started)  # the call begins; WireError when it may not
    lines.leave(socket, session)
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from django.conf import settings

from aiker.calls.session import CallSession
from aiker.calls.wire.base import TWICE, CallStarted, WireError

TOO_MANY = 4429
LEAST_WAITING = 16

Socket = TypeVar("Socket", bound=Hashable)


class Lines(Generic[Socket]):
    """See the module. Lives on the event loop."""

    def __init__(self) -> None:
        self.live: set[CallSession] = set()
        self.waiting: dict[Socket, None] = {}  # for their start, in the order they came

    @property
    def full(self) -> bool:
        return len(self.live) >= int(settings.AIKER.max_calls)

    def wait(self, socket: Socket) -> Socket | None:
        """Take a socket in; return the one that waited longest when there are too many."""
        self.waiting[socket] = None
        if len(self.waiting) <= max(LEAST_WAITING, 2 * settings.AIKER.max_calls):
            return None
        oldest = next(iter(self.waiting))
        del self.waiting[oldest]
        return oldest

    def admit(self, socket: Socket, session: CallSession, started: CallStarted) -> None:
        """Give a call its line; WireError when there is none, or when the carrier's call has one already."""
        if self.full:
            raise WireError(f"{len(self.live)} calls are live, AIKER_MAX_CALLS allows no more", TOO_MANY)
        known = started.carrier_call_id
        if known and any(call.carrier_call_id == known and not call.finished for call in self.live):
            raise WireError(f"a second socket for the call {known}, which is live", TWICE)
        self.waiting.pop(socket, None)
        self.live.add(session)

    def leave(self, socket: Socket, session: CallSession | None) -> None:
        """Take a socket and its call out."""
        self.waiting.pop(socket, None)
        if session:
            self.live.discard(session)
