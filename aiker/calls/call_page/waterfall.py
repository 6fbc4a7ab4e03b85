"""When each step of a turn began and ended, counted from the end of the caller's speech. Pure.

::

    spans = spans_of(turn, times)
    spans[1]            # Span("stt", start_ms=96.0, end_ms=310.2, added_ms=60, owner="stt", by="whisper")
    axis = Axis.of(spans, began_ms=-2300.0)
    axis.x(310.2)       # 21.4: per cent of the width

Ends are those of ``latency.Timeline``. A start is what the step had to wait for, or its end less the time
that it says it took; of ``added_ms`` at the end of a span nothing else was waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aiker.calls.call_page.times import TurnTimes

ANSWER = "answer"
CALLER_PERCENT = 14.0
ANSWER_PERCENT = 22.0
SHORTEST_WAIT_MS = 400.0
_TICK_STEPS = (50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000, 30_000)
_MOST_TICKS = 5


class TurnFacts(Protocol):
    """What is needed of a ``Turn``."""

    moments: dict[str, Any]
    contributions: Any
    retrieval: dict[str, Any]
    engines: dict[str, Any]
    tools: Any


class Step(NamedTuple):
    """``end`` is its moment, ``after`` the moments that it waits for, the latest of them."""

    name: str
    end: str
    after: tuple[str, ...]
    owner: str


_STEPS = (
    Step("endpoint_wait", "committed", (), "config"),
    Step("stt", "transcript", ("paused",), "stt"),
    Step("retrieval", "passages", ("transcript", "begun"), "knowledge"),
    Step("llm_first_token", "first_token", ("transcript", "passages", "begun"), "llm"),
    Step("tool", "tool", ("transcript", "first_token", "begun"), "tool"),
    Step("first_clause", "first_clause", ("first_token", "tool"), "llm"),
    Step("tts_first_audio", "first_audio", ("transcript", "passages", "first_token", "tool", "first_clause",
                                            "begun"), "tts"),
    Step("filler", "filler_end", ("filler",), "assistant"),
    Step("playout", "audible", ("committed", "first_audio", "filler_end"), "media"),
    Step(ANSWER, "answer_end", ("audible",), "media"),
)  # fmt: skip


class Span(NamedTuple):
    """A step of a turn; ``owner`` is who answers for it, ``by`` the engine or version that did it."""

    name: str
    start_ms: float
    end_ms: float
    added_ms: int
    owner: str
    by: str

    @property
    def ms(self) -> float:
        return self.end_ms - self.start_ms


def spans_of(turn: TurnFacts, times: TurnTimes) -> list[Span]:
    """Return the steps that took time, in the order of the critical path."""
    added = {share["name"]: int(share["ms"]) for share in turn.contributions}
    if "committed" not in turn.moments:
        return _one_after_another(turn, added)
    moments = _moments(turn, times)
    spans = []
    for step in _STEPS:
        if (end := moments.get(step.end)) is None:
            continue
        start = _start(step, end, moments, turn)
        if end > start or added.get(step.name):
            owner, by = _owner(step, turn)
            spans.append(Span(step.name, start, end, added.get(step.name, 0), owner, by))
    return spans


def _moments(turn: TurnFacts, times: TurnTimes) -> dict[str, float]:
    """Return the moments of the turn with those that only the trace of the call tells."""
    moments = {name: float(value) for name, value in turn.moments.items() if isinstance(value, int | float)}
    # Where the apology was heard there was no answer.
    heard = "audible" in moments
    known = {
        "paused": times.after_zero(times.paused_ms),
        "answer_end": times.after_zero(times.end_ms) if heard else None,
    }
    moments |= {name: value for name, value in known.items() if value is not None}
    if turn.moments.get("end_of_turn", {}).get("speculative_runs") == 0:
        moments["begun"] = moments["committed"]  # nothing but recognition ran before that
    return moments


def _start(step: Step, end: float, moments: dict[str, float], turn: TurnFacts) -> float:
    start = max((moments[name] for name in step.after if moments.get(name, end + 1) <= end), default=0.0)
    if took := _took_ms(step.name, turn):
        start = max(start, end - took)
    return min(start, end)


def _took_ms(name: str, turn: TurnFacts) -> float:
    """Return how long a step says that it took; 0 where it does not."""
    if name == "retrieval":
        return float(turn.retrieval.get("total_ms", 0))
    if name == "tool":
        return float(turn.tools[-1].get("ms") or 0) if turn.tools else 0.0
    return 0.0


def _owner(step: Step, turn: TurnFacts) -> tuple[str, str]:
    if step.owner == "tts" and turn.retrieval.get("audio") == "cache":
        return "cache", ""
    if step.owner == "knowledge":
        return step.owner, str(turn.retrieval.get("version", ""))
    if step.owner == "tool":
        return step.owner, str(turn.tools[-1].get("name", "")) if turn.tools else ""
    return step.owner, str(turn.engines.get(step.owner, ""))


def _one_after_another(turn: TurnFacts, added: dict[str, int]) -> list[Span]:
    """Return what is known without moments: what each step added."""
    spans, at = [], 0.0
    for step in _STEPS:
        if ms := added.get(step.name):
            spans.append(Span(step.name, at, at + ms, ms, *_owner(step, turn)))
            at += ms
    return spans


@dataclass(frozen=True, slots=True)
class Axis:
    """Time to the right in three parts, each on its own scale: the caller speaks, waits, hears.

    ``knots`` are (ms after zero, per cent of the width); between two of them it is linear.
    """

    knots: tuple[tuple[float, float], ...]
    waits_until: float

    @classmethod
    def of(cls, spans: Sequence[Span], began_ms: float | None) -> Axis:
        """``began_ms``: the caller's first sound, before zero; None where that is not known."""
        waits = max([SHORTEST_WAIT_MS, *(span.end_ms for span in spans if span.name != ANSWER)])
        ends = next((span.end_ms for span in spans if span.name == ANSWER), waits)
        left = CALLER_PERCENT if began_ms is not None and began_ms < 0 else 0.0
        right = 100 - ANSWER_PERCENT if ends > waits else 100.0
        knots = [(0.0, left), (waits, right)]
        if left:
            knots.insert(0, (float(began_ms or 0), 0.0))
        if right < 100:
            knots.append((ends, 100.0))
        return cls(tuple(knots), waits)

    def x(self, ms: float) -> float:
        """Return per cent of the width; what lies outside is put on the edge."""
        for (start, left), (end, right) in zip(self.knots, self.knots[1:], strict=False):
            if ms <= end:
                return left + (right - left) * max(0.0, ms - start) / (end - start)
        return 100.0

    def ticks(self) -> list[float]:
        """Return round moments of the wait, zero among them."""
        step = next((s for s in _TICK_STEPS if self.waits_until / s <= _MOST_TICKS), _TICK_STEPS[-1])
        return [float(ms) for ms in range(0, int(self.waits_until * 0.93) + 1, step)]
