"""Whether targets are met, and which alarms follow. Pure: figures and time are handed in.

::

    measured = {1: Measured(620.0, 12)}                     # by the target's id
    plan = decide(targets, measured, open_alarms, now)
    plan.open, plan.update, plan.resolve

One cause raises one alarm: where a stage is too slow, the whole being too slow is its consequence, and where
everything is, so is each assistant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

RESOLVE_AFTER = timedelta(seconds=10)
"""A target has to be met for so long that a value to and fro over it is one alarm."""


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
    met: list[int] = field(default_factory=list)  # alarms whose demand is met, but not for long enough
    resolve: list[int] = field(default_factory=list)  # alarms
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
    missed = {d.id: d for d in by_id.values() if _is_missed(d, measured.get(d.id))}
    plan = Plan()
    causes: set[int] = set()
    for demand in missed.values():
        if cause := _cause(demand, missed.values()):
            plan.consequences.setdefault(cause, []).append(demand.id)
        else:
            causes.add(demand.id)
    alarmed = set()
    for alarm in alarms:
        alarmed.add(alarm.demand)
        if alarm.demand in causes:
            plan.update.append(alarm.id)
        elif alarm.demand in missed:
            plan.resolve.append(alarm.id)  # another alarm tells the cause
        elif alarm.met_since is None and alarm.demand in by_id:
            plan.met.append(alarm.id)
        elif alarm.met_since is None or now - alarm.met_since >= RESOLVE_AFTER:
            plan.resolve.append(alarm.id)
    plan.open = sorted(causes - alarmed)
    return plan


def _is_missed(demand: Demand, measured: Measured | None) -> bool:
    if measured is None or measured.value is None or measured.count < demand.min_count:
        return False
    return measured.value > demand.threshold


def _cause(demand: Demand, missed: Iterable[Demand]) -> int | None:
    """Return the demand whose being missed explains this one; None when it stands alone."""
    for other in missed:
        wider = other.scope in ("", demand.scope)
        if wider and other.part_of == demand.metric:
            return other.id
        if other.metric == demand.metric and other.scope == "" != demand.scope:
            # It may itself follow from a stage: then that is the cause of both.
            return _cause(other, missed) or other.id
    return None
