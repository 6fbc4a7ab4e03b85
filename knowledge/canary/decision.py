"""When a canary is rolled back by itself. Pure.

::

    look = look_due(len(calls), looked_at=30, done=2)    # None: too few new calls since the last one
    comparison = compare(calls, look, seed=canary.pk)
    comparison.worse                                     # (Measure.MISSES,): roll back; (): go on

Comparing again and again as calls end would find some difference sooner or later. So it is compared at fixed
numbers of ended calls only (20, 30, 45, 68, ...), and of the risk ``ALPHA`` the k-th comparison may use
1 / (k (k + 1)), a fifth of that for each measure. These add up to ``ALPHA`` however long it runs: a draft
that is no worse is rolled back in at most 5 % of canaries (Bonferroni over comparisons and measures).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from knowledge.canary.statistics import Sample, p_values, ranks

ALPHA = 0.05
FIRST_LOOK = 20
GROWTH = 1.5
MIN_CALLS = 8
"""Ended calls of each version before a comparison says anything."""
LATENCY_MARGIN = 1.05
"""A draft may be this much slower: nobody hears less, and with many calls chance would explain nothing."""


class Measure(enum.StrEnum):
    """What a draft may be worse by; more of it is worse."""

    MISSES = "misses"
    GUARD_STOPS = "guard_stops"
    TRANSFERS = "transfers"
    HANG_UPS = "hang_ups"
    LATENCY = "latency"


PER_CALL = (Measure.TRANSFERS, Measure.HANG_UPS)


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that is over. ``latencies`` are voice-to-voice of its turns in ms; one transfer is one call."""

    is_draft: bool
    turns: int
    searched: int = 0
    misses: int = 0
    guard_stops: int = 0
    transferred: bool = False
    hung_up: bool = False
    latencies: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The ``number``-th comparison, from 1; ``alpha`` is what each measure of it may use."""

    number: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Side:
    """``count`` of ``of``; of latency ``value`` is the median in ms, else the share."""

    count: int
    of: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of both versions; ``p`` is None where it was not tested."""

    measure: Measure
    draft: Side
    live: Side
    p: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``look`` is None when nothing was tested: the figures are only shown."""

    draft_calls: int
    live_calls: int
    rows: tuple[Row, ...]
    look: Look | None

    @property
    def worse(self) -> tuple[Measure, ...]:
        """The measures by which the draft is worse than chance allows."""
        alpha = self.look.alpha if self.look else 0.0
        return tuple(row.measure for row in self.rows if row.p is not None and row.p <= alpha)


def look_due(ended: int, looked_at: int, done: int) -> Look | None:
    """Return the comparison that is due after ``ended`` calls.

    ``looked_at`` is after how many calls the last one was due, 0 before the first; ``done`` how many there
    were, without those for which one version had too few calls.
    """
    due = FIRST_LOOK
    while due <= looked_at:
        due = math.ceil(due * GROWTH)
    if ended < due:
        return None
    return Look(done + 1, ALPHA / len(Measure) / ((done + 1) * (done + 2)))


def compare(calls: Sequence[EndedCall], look: Look | None, seed: int) -> Comparison:
    """Compare the calls of both versions; tested only at a look, and with enough calls of each."""
    draft = [call for call in calls if call.is_draft]
    live = [call for call in calls if not call.is_draft]
    tested: dict[str, float] = {}
    if min(len(draft), len(live)) < MIN_CALLS:
        look = None
    if look:
        is_draft = np.array([call.is_draft for call in calls])
        samples = {measure.value: sample(calls, measure) for measure in Measure}
        tested = p_values(samples, is_draft, alpha=look.alpha, seed=seed * 1000 + look.number)
    rows = tuple(
        Row(measure, side(draft, measure), side(live, measure), tested.get(measure)) for measure in Measure
    )
    return Comparison(len(draft), len(live), rows, look)


def sample(calls: Sequence[EndedCall], measure: Measure) -> Sample:
    if measure == Measure.LATENCY:
        return latency_sample(calls)
    counted = [counts(call, measure) for call in calls]
    sums, of = zip(*counted, strict=True)
    return Sample(np.array(sums, dtype=np.float64), np.array(of, dtype=np.float64))


def latency_sample(calls: Sequence[EndedCall]) -> Sample:
    """Return the ranks of the latencies of all turns, summed by call, the live ones longer by the margin."""
    owners = np.array([number for number, call in enumerate(calls) for _ in call.latencies], dtype=np.intp)
    values = [
        latency * (1.0 if call.is_draft else LATENCY_MARGIN) for call in calls for latency in call.latencies
    ]
    sums = np.zeros(len(calls))
    np.add.at(sums, owners, ranks(values))
    return Sample(sums, np.array([len(call.latencies) for call in calls], dtype=np.float64))


def counts(call: EndedCall, measure: Measure) -> tuple[int, int]:
    """Return how often a call has what is measured, and of how many turns, or of the one call."""
    match measure:
        case Measure.MISSES:
            return call.misses, call.searched
        case Measure.GUARD_STOPS:
            return call.guard_stops, call.turns
        case Measure.TRANSFERS:
            return int(call.transferred), 1
        case Measure.HANG_UPS:
            return int(call.hung_up), 1
    raise ValueError(measure)


def side(calls: Sequence[EndedCall], measure: Measure) -> Side:
    if measure == Measure.LATENCY:
        latencies = [latency for call in calls for latency in call.latencies]
        return Side(len(latencies), len(latencies), median(latencies) if latencies else None)
    counted = [counts(call, measure) for call in calls]
    count, of = sum(number for number, _of in counted), sum(of for _number, of in counted)
    return Side(count, of, count / of if of else None)
