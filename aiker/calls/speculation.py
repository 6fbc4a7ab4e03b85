"""May an answer be begun before the caller's turn is certainly over? Twice a turn, on a machine with room.

::

    speculation = Speculation(load_limit=3.0)
    if speculation.begin():      # counted
        ...
    speculation.runs             # 1
    speculation.end_turn()

Each run costs what an answer costs, language model and first speech, and is lost when the caller goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable

MOST_RUNS = 2


def load_per_core() -> float:
    """Return the processes that want to run, of the last minute, for each core this process may use.

    The kernel keeps the figure; asking for it takes microseconds, also on an event loop.
    """
    return os.getloadavg()[0] / len(os.sched_getaffinity(0))


class Speculation:
    """The runs of one call's present turn; ``load`` is asked before each."""

    def __init__(self, load_limit: float, load: Callable[[], float] = load_per_core) -> None:
        self.runs = 0
        self._load_limit = load_limit
        self._load = load

    def begin(self) -> bool:
        """Whether an answer may be begun now; if so it is counted."""
        if self.runs >= MOST_RUNS or self._load() > self._load_limit:
            return False
        self.runs += 1
        return True

    def end_turn(self) -> None:
        self.runs = 0
