"""What the page of the latency shows, from distributions: no query reads more than a few thousand rows.

::

    report = latency_report(chosen("24h", now), "assistant:anna", "stt")
    report.points[0].percentiles[95], report.points[0].shares["stt"]      # ms
    report.stages[0].percentiles, report.stages[0].target_ms
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from monitoring.models import Rollup, Target, TurnSample
from monitoring.rollups import start_of, stretches
from monitoring.sketches import Sketch, merged
from monitoring.targets import targets_of
from monitoring.turns import OWN_ENGINES, STAGES, TOTAL
from monitoring.windows import Window

PERCENTILES = (50, 95, 99)
HISTOGRAM_MS = (*range(0, 5000, 250), 5000)
SLOWEST = 10


@dataclass(frozen=True, slots=True)
class Point:
    """A stretch of time: its turns, and the percentiles of the step that was asked for, if it had any.

    ``shares`` are averages, so that they sum to the average of the whole.
    """

    start: datetime
    count: int
    percentiles: dict[int, float]
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """A stage over the whole window, beside its target; ``reached_ms`` is at the percentile of that."""

    name: str
    count: int
    average_ms: float
    percentiles: dict[int, float]
    target_ms: float | None
    target_percentile: int | None
    reached_ms: float | None

    @property
    def over(self) -> bool:
        """Whether the percentile of the target is over it."""
        if self.target_ms is None or self.reached_ms is None:
            return False
        return self.reached_ms > self.target_ms


@dataclass(frozen=True, slots=True)
class SlowTurn:
    call_id: UUID
    number: int
    at: datetime
    assistant: str
    total_ms: int
    stage: str
    stage_ms: int
    recorded: bool  # whether its call still is


@dataclass(frozen=True, slots=True)
class LatencyReport:
    window: Window
    scope: str
    step: str  # whose percentiles the points have
    points: list[Point]
    stages: list[StageFigures]
    histogram: list[int]
    slowest: list[SlowTurn]
    over_percent: float  # of the turns are over the target of the whole

    @property
    def total(self) -> StageFigures | None:
        return self.of(TOTAL)

    @property
    def target_ms(self) -> float | None:
        return self.total.target_ms if self.total else None

    def of(self, step: str) -> StageFigures | None:
        return next((stage for stage in self.stages if stage.name == step), None)


def latency_report(window: Window, scope: str = "", step: str = TOTAL) -> LatencyReport:
    """Return the figures of ``scope`` in ``window``; a step that no turn had is that of the whole."""
    found = distributions(window, scope)
    whole = {
        name: merged(sketches[name] for sketches in found.values() if name in sketches)
        for name in (*STAGES, TOTAL)
    }
    targets = targets_of(scope)
    if step not in whole or not whole[step].count:
        step = TOTAL
    return LatencyReport(
        window,
        scope,
        step,
        [_point(start, sketches, step) for start, sketches in found.items() if TOTAL in sketches],
        [_figures(name, sketch, targets.get(name)) for name, sketch in whole.items() if sketch.count],
        whole[TOTAL].counts(HISTOGRAM_MS),
        slowest(window, scope, whole[TOTAL]),
        100 * whole[TOTAL].share_above(targets[TOTAL].threshold) if TOTAL in targets else 0.0,
    )


def distributions(window: Window, scope: str) -> dict[datetime, dict[str, Sketch]]:
    """Return the distributions of each step of the window: of less than an hour, from the rows."""
    if window.step >= Rollup.Step.HOUR:
        return stretches(window.step, scope, window.since, window.until)
    rows = TurnSample.objects.filter(at__gte=window.since, at__lt=window.until, total_ms__isnull=False)
    found: dict[datetime, dict[str, Sketch]] = {}
    for at, total, shares in of_scope(rows, scope).order_by("at").values_list("at", "total_ms", "shares"):
        sketches = found.setdefault(start_of(window.step, at), defaultdict(Sketch))
        for name, ms in {**shares, TOTAL: total}.items():
            sketches[name].add(ms)
    return found


def scopes(window: Window) -> list[str]:
    """Return the scopes that have turns in the window."""
    since = start_of(Rollup.Step.DAY, window.since)
    rows = Rollup.objects.filter(step=Rollup.Step.DAY, metric=TOTAL, start__gte=since)
    return sorted(rows.exclude(scope="").values_list("scope", flat=True).distinct())


def slowest(window: Window, scope: str, whole: Sketch, limit: int = SLOWEST) -> list[SlowTurn]:
    """Return the slowest turns; ``whole`` tells from where on to look, so that few rows are read."""
    if not whole.count:
        return []
    share = max(0.0, 1 - limit / whole.count)
    floor = (whole.quantile(share) or 0.0) * 0.98 - 1  # a sketch is right to one per cent
    # Without the window's end, which is now: with both ends SQLite reads all of the window's rows instead of
    # the few that are slow enough.
    rows = TurnSample.objects.filter(total_ms__gte=floor, at__gte=window.since)
    return [_slow(row) for row in of_scope(rows, scope).order_by("-total_ms")[:limit]]


def of_scope(rows: QuerySet[TurnSample], scope: str) -> QuerySet[TurnSample]:
    """Return those of ``rows`` that count in ``scope``."""
    kind, _, name = scope.partition(":")
    match kind:
        case "assistant" | "version":
            return rows.filter(**{kind: name})
        case "profile":
            return rows.filter(profile="" if name == OWN_ENGINES else name)
        case "engine":
            return rows.filter(
                Q(engines__stt=name) | Q(engines__llm=name) | Q(engines__tts=name) | Q(engines__rerank=name)
            )
    return rows


def _slow(row: TurnSample) -> SlowTurn:
    stage, ms = max(row.shares.items(), key=lambda share: share[1], default=("", 0))
    assert row.total_ms is not None
    recorded = row.turn_id is not None
    return SlowTurn(row.call_id, row.number, row.at, row.assistant, row.total_ms, stage, ms, recorded)


def _point(start: datetime, sketches: dict[str, Sketch], step: str) -> Point:
    total = sketches[TOTAL]
    # Not every turn has every stage: shares of the average of all turns sum to it.
    shares = {
        name: (sketches[name].average or 0.0) * sketches[name].count / total.count
        for name in STAGES
        if name in sketches
    }
    percentiles = _percentiles(sketches[step]) if step in sketches else {}
    return Point(start, total.count, percentiles, shares)


def _figures(name: str, sketch: Sketch, target: Target | None) -> StageFigures:
    return StageFigures(
        name,
        sketch.count,
        sketch.average or 0.0,
        _percentiles(sketch),
        target.threshold if target else None,
        target.percentile if target else None,
        sketch.quantile(target.percentile / 100) if target else None,
    )


def _percentiles(sketch: Sketch) -> dict[int, float]:
    return {percent: sketch.quantile(percent / 100) or 0.0 for percent in PERCENTILES}
