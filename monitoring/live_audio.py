"""The audio of a call in progress, for someone who listens in.

::

    audio = LiveAudio(session.overheard)
    piece = audio.next(seen)       # every STEP_S; ``seen``: the bytes that the far end says it got

A piece is two bytes that tell how many the caller's audio has, that, and the assistant's; mu-law 8 kHz. It is
read from what the call records anyway, so the call does nothing for it. A far end that is slow gets nothing
until it has caught up, and then what is said by then: nothing is kept for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from aiker.calls.recorder import Place

MAX_UNSEEN = 32_000
"""Bytes on their way to a far end: two seconds."""
MAX_SIDE = 8000
"""Bytes of one side in a piece: a second. What a carrier brought later than that is passed over."""

Overheard = Callable[[Place | None], tuple[Place, bytes, bytes]]


class LiveAudio:
    """See the module."""

    STEP_S: ClassVar[float] = 0.1

    def __init__(self, overheard: Overheard) -> None:
        self._overheard = overheard
        self._place: Place | None = None
        self._sent = 0
        self._waited = 0

    @property
    def silent_for_s(self) -> float:
        """How long the far end has been given nothing because it is behind."""
        return self._waited * self.STEP_S

    def next(self, seen: int) -> bytes:
        """Return what was said since the last piece; empty at first, and while the far end is behind."""
        if self._sent - seen >= MAX_UNSEEN:
            self._waited += 1
            self._place = None
            return b""
        self._waited = 0
        self._place, caller, assistant = self._overheard(self._place)
        if not caller and not assistant:
            return b""
        caller, assistant = caller[-MAX_SIDE:], assistant[-MAX_SIDE:]
        piece = len(caller).to_bytes(2, "big") + caller + assistant
        self._sent += len(piece)
        return piece
