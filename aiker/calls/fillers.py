"""What is said while an answer is late: the lines of an assistant in turn, at most two in a turn. Pure.

::

    fillers = Fillers(["嗯，我看一下。", "稍等。"], after_ms=1800)
    fillers.next(turn=3)      # "嗯，我看一下。"
    fillers.next(turn=3)      # "稍等。": another, never the same again
    fillers.next(turn=3)      # "": that turn had two
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_IN_A_TURN = 2


class Fillers:
    """Those of one call; see the module. Without lines there are none."""

    def __init__(self, lines: Sequence[str], after_ms: int) -> None:
        self.after_s = after_ms / 1000
        self._lines = tuple(lines)
        self._said = 0
        self._turn: int | None = None
        self._said_in_turn = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def next(self, turn: int) -> str:
        """Return the line to say in ``turn``; "" when it had all that it may, or there are none."""
        if turn != self._turn:
            self._turn, self._said_in_turn = turn, 0
        if self._said_in_turn >= min(MAX_IN_A_TURN, len(self._lines)):
            return ""
        self._said, self._said_in_turn = self._said + 1, self._said_in_turn + 1
        return self._lines[(self._said - 1) % len(self._lines)]
