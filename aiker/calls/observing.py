"""What happens in calls, told to whoever listens; calls know none of them.

::

    @receiver(observing.call_event)
    def count(call: CallIdentity, event: Event, **_): ...

Receivers run on the event loop: microseconds, no I/O. What one raises is logged, and the call goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """Which call; ``profile`` is empty where the engines of the settings serve."""

    id: UUID
    assistant: str
    profile: str
    wire: str


call_event = Signal()
"""``call``: CallIdentity, ``event``: events.Event. Every event of every call, as it happens."""

call_refused = Signal()
"""``code``: the close code of a call that was not answered."""

frames_dropped = Signal()
"""``reason``: a word of a small set, ``frames``: how many 20 ms frames of audio nobody will hear."""
