"""How far the far end is behind with playing, told by the marks it returns. Pure: time is handed in.

::

    marks = Marks()
    marks.sent("s1", plays_until_ms)
    marks.returned("s1", now_ms)
    marks.behind_ms(now_ms)          # 0 when all is as planned, or when the wire returns no marks

A mark comes back a round trip after the audio before it was played. The shortest delay seen is that round
trip; what a later mark, or one that is overdue, takes longer is audio waiting at the far end. The journey
itself does not count: ``clear`` travels the same way as the audio did, and finds the far end where our
clock says it is.
"""

from __future__ import annotations

TOLERANCE_MS = 60.0  # jitter of the network and of both event loops
MOST_MS = 3000.0


class Marks:
    """The marks of one call; times in ms of one clock."""

    def __init__(self) -> None:
        self._pending: dict[str, float] = {}  # in the order they were sent
        self._round_trip: float | None = None  # the shortest delay
        self._last = 0.0

    def __bool__(self) -> bool:
        """Whether any mark is still to come back."""
        return bool(self._pending)

    def sent(self, name: str, plays_until_ms: float) -> None:
        """Note a mark behind audio that should have been played at ``plays_until_ms``."""
        self._pending[name] = plays_until_ms

    def returned(self, name: str, now_ms: float) -> None:
        """Note that a mark came back; one that was voided says nothing."""
        expected = self._pending.pop(name, None)
        if expected is None:
            return
        self._last = max(0.0, now_ms - expected)
        self._round_trip = self._last if self._round_trip is None else min(self._round_trip, self._last)

    def void(self) -> None:
        """Forget the pending marks: their audio was cleared, and a carrier may return them for that."""
        self._pending.clear()

    def behind_ms(self, now_ms: float) -> float:
        """Return by how much what is audible at the far end is older than our clock says."""
        if self._round_trip is None:
            return 0.0
        overdue = max((now_ms - expected for expected in self._pending.values()), default=0.0)
        behind = max(self._last, overdue) - self._round_trip
        return min(behind, MOST_MS) if behind > TOLERANCE_MS else 0.0
