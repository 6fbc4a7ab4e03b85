"""Where on the call's clock a turn lies. Pure.

::

    times = times_of(turns, call.events)
    times[3].zero_ms          # ms after the call was answered: the end of the caller's speech in turn 3

The clock is that of the recording. A turn's own moments count from its zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class TimedTurn(Protocol):
    """What is needed of a ``Turn``."""

    number: int
    at_ms: int
    interrupted: bool
    moments: dict[str, Any]
    barge_ins: Any


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """Ms on the call's clock; None where the record does not tell.

    ``paused_ms`` is the pause at which recognition was asked, ``end_ms`` when the answer was over.
    """

    began_ms: float
    zero_ms: float | None = None
    paused_ms: float | None = None
    end_ms: float | None = None

    def after_zero(self, at_ms: float | None) -> float | None:
        """Return a moment of the call as ms after the end of the caller's speech."""
        return None if at_ms is None or self.zero_ms is None else at_ms - self.zero_ms


def times_of(turns: Iterable[TimedTurn], events: Iterable[Mapping[str, Any]]) -> dict[int, TurnTimes]:
    """Return the times of each turn by its number; the trace of a very long call ends before the call."""
    paused: dict[int, float] = {}
    committed: dict[int, tuple[float, float | None]] = {}
    ended: dict[int, float] = {}
    for event in events:
        turn, at_ms = event.get("turn"), float(event.get("at_ms", 0))
        if turn is None:
            continue
        match event.get("event"):
            case "speech_paused":
                paused[turn] = at_ms
            case "turn_committed":
                # A turn that is reopened is committed again, behind another pause.
                committed[turn] = at_ms, paused.get(turn)
            case "reply_finished" | "interrupted":
                ended[turn] = at_ms
    return {turn.number: _times(turn, committed.get(turn.number), ended.get(turn.number)) for turn in turns}


def _times(turn: TimedTurn, committed: tuple[float, float | None] | None, ended: float | None) -> TurnTimes:
    zero = turn.moments.get("speech_end_at")
    if zero is None and committed and "committed" in turn.moments:
        zero = committed[0] - turn.moments["committed"]
    if turn.interrupted and turn.barge_ins:
        last = turn.barge_ins[-1]
        ended = last["at_ms"] + last["stop_ms"]
    return TurnTimes(turn.at_ms, zero, committed[1] if committed else None, ended)
