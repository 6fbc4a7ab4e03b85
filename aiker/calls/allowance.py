"""How much of something is put up with: a token bucket. Pure: time is handed in.

::

    allowance = Allowance(most=100, per_second=2)
    allowance.take(1, now_ms)        # False: that was too much
"""

from __future__ import annotations


class Allowance:
    """``most`` at once, and ``per_second`` in the long run."""

    def __init__(self, most: float, per_second: float) -> None:
        self._most = most
        self._per_ms = per_second / 1000
        self._left = most
        self._at_ms: float | None = None

    def take(self, amount: float, now_ms: float) -> bool:
        """Take ``amount``; say whether there was that much."""
        if self._at_ms is not None:
            self._left = min(self._most, self._left + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        if amount > self._left:
            return False
        self._left -= amount
        return True
