"""What is said while an answer is late: the lines of an assistant in turn, at most one in a turn. Pure.

::

    fillers = Fillers(["嗯，我看一下。"], after_ms=1800)
    fillers.next(turn=3)      # "嗯，我看一下。"
    fillers.next(turn=3)      # "": that turn had one
"""

from __future__ import annotations

from collections.abc import Sequence


class Fillers:
    """Those of one call; see the module. Without lines there are none."""

    def __init__(self, lines: Sequence[str], after_ms: int) -> None:
        self.after_s = after_ms / 1000
        self._lines = tuple(lines)
        self._said = 0
        self._turn: int | None = None

    def __bool__(self) -> bool:
        return bool(self._lines)

    def next(self, turn: int) -> str:
        """Return the line to say in ``turn``; "" when it had one, or there are none."""
        if not self._lines or turn == self._turn:
            return ""
        self._turn, self._said = turn, self._said + 1
        return self._lines[(self._said - 1) % len(self._lines)]
