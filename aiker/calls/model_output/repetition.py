"""Notice that a model says the same again and again. Pure.

::

    loop = Repetition()
    loop.again("价格是九十九元，")       # False, False, True: the third time
    loop_start("好的好的好的好的")        # 4: behind two of them
"""

from __future__ import annotations

import re

TIMES = 3  # the third time ends the answer
LONGEST_PERIOD = 8  # clauses that a loop may go through
LONG_CHARS = 10  # a clause as long as this is a loop wherever it comes back
_SIGNS = re.compile(r"[\W_]+")
# What is repeated without a pause; figures may well be (8888).
_RUNS = re.compile(r"([^\W\d_])\1{5,}|([^\W\d_]{2,3})\2{3,}|([^\d]{4,20}?)\3{2,}")


class Repetition:
    """The clauses of one answer."""

    def __init__(self) -> None:
        self._clauses: list[str] = []

    def again(self, clause: str) -> bool:
        """Take the next clause; whether it, or the loop that it closes, is said for the third time."""
        if not (bare := _SIGNS.sub("", clause)):
            return False
        self._clauses.append(bare)
        if len(bare) >= LONG_CHARS and self._clauses.count(bare) >= TIMES:
            return True
        return any(self._loops(period) for period in range(1, LONGEST_PERIOD + 1))

    def _loops(self, period: int) -> bool:
        last = self._clauses[-period * TIMES :]
        return len(last) == period * TIMES and last == last[:period] * TIMES


def loop_start(text: str) -> int | None:
    """Return the place behind the second of many repetitions within ``text``, None when there are none."""
    if found := _RUNS.search(text):
        unit = found[1] or found[2] or found[3]
        return found.start() + 2 * len(unit) if _SIGNS.sub("", unit) else None
    return None
