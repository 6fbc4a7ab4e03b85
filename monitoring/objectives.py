"""Whether targets are met, and which alarms follow. Pure: figures and time are handed in.

::

    measured = {1: Measured(620.0, 12)}                     # by the target's id
    plan = decide(targets, measured, open_alarms, now)
    plan.open, plan.update, plan.resolve

One cause raises one alarm: where a stage is too slow, the whole being too slow is its consequence, and where
everything is, so is each assistant. A cause that comes and goes stays one alarm: its consequences are told by
it until it has been gone for ``CALM``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

RESOLVE_AFTER = timedelta(seconds=10)
"""A target has to be met for so long that a value to and fro over it is one alarm."""
CALM = timedelta(minutes=2)
"""And for so long where something follows of it that is still missed."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A target: ``part_of`` is the metric that this one adds to, where there is one."""

    id: int
    metric: str
    scope: str
    threshold: float
    min_count: int
    part_of: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The percentile of a target over its window; None when there are no values."""

    value: float | None
    count: int


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    id: int
    demand: int
    met_since: datetime | None = None


@dataclass(slots=True)
class Plan:
    """``consequences`` are demands that are missed because of another: the other's id is the key."""

    open: list[int] = field(default_factory=list)  # demands
    update: list[int] = field(default_factory=list)  # alarms whose demand is still missed
    met: list[int] = field(default_factory=list)  # alarms whose demand has just ceased to be missed
    resolve: list[int] = field(default_factory=list)  # alarms
    lapse: list[int] = field(default_factory=list)  # alarms whose demand is not measured any more
    consequences: dict[int, list[int]] = field(default_factory=dict)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the value that ``percent`` of the values do not exceed (nearest rank)."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def decide(
    demands: Iterable[Demand],
    measured: Mapping[int, Measured],
    alarms: Iterable[OpenAlarm],
    now: datetime,
) -> Plan:
    """Return what is to be done with the alarms."""
    by_id = {demand.id: demand for demand in demands}
    judged = {demand.id: _judged(demand, measured.get(demand.id)) for demand in by_id.values()}
    missed = {key: by_id[key] for key, value in judged.items() if _is_over(value, by_id[key])}
    alarmed = {alarm.demand: alarm for alarm in alarms}
    # What is missed now explains more than what has an alarm still.
    standing = missed | {key: by_id[key] for key in alarmed if key in by_id}
    plan = Plan()
    causes: set[int] = set()
    for demand in missed.values():
        if cause := _cause(demand, standing.values()):
            plan.consequences.setdefault(cause, []).append(demand.id)
        else:
            causes.add(demand.id)
    for alarm in alarmed.values():
        wait = CALM if alarm.demand in plan.consequences else RESOLVE_AFTER
        if alarm.demand in causes:
            plan.update.append(alarm.id)
        elif alarm.demand in missed:
            plan.resolve.append(alarm.id)  # another alarm tells the cause
        elif alarm.demand not in by_id:
            plan.lapse.append(alarm.id)
        elif alarm.met_since is None:
            plan.met.append(alarm.id)
        elif now - alarm.met_since >= wait:
            (plan.lapse if judged[alarm.demand] is None else plan.resolve).append(alarm.id)
    plan.open = sorted(causes - alarmed.keys())
    return plan


def _judged(demand: Demand, measured: Measured | None) -> float | None:
    """Return the figure that a demand is judged by; None when there are too few values."""
    if measured is None or measured.count < demand.min_count:
        return None
    return measured.value


def _is_over(value: float | None, demand: Demand) -> bool:
    return value is not None and value > demand.threshold


def _cause(demand: Demand, standing: Iterable[Demand]) -> int | None:
    """Return the demand whose being missed explains this one; None when it stands alone."""
    for other in standing:
        wider = other.scope in ("", demand.scope)
        if wider and other.part_of == demand.metric:
            return other.id
        if other.metric == demand.metric and other.scope == "" != demand.scope:
            # It may itself follow from a stage: then that is the cause of both.
            return _cause(other, standing) or other.id
    return None
