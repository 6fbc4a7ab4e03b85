"""Targets, watched: the figures of their windows, and the alarms that follow.

::

    for alarm in watch(now): ...        # those that opened or were resolved; every few seconds
    acknowledge(alarms, user)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitoring.figures import ENGINE_DOWN, FAILED, SHARES_OF_TURNS
from monitoring.latency_report import of_scope
from monitoring.models import Alarm, Sample, Target, TurnSample
from monitoring.notifications import announce, remind
from monitoring.objectives import Demand, Measured, OpenAlarm, Plan, decide, percentile
from monitoring.quality.noticing import was_stopped
from monitoring.scopes import fits
from monitoring.turns import STAGES, TOTAL

JUDGED = ("value", "worst", "met_since", "consequences", "resolved_at", "unmeasured")
"""What this module writes of an alarm that is open."""


def watch(now: datetime) -> list[Alarm]:
    """Judge every target that is watched; return the alarms that have opened or been resolved."""
    targets = {target.pk: target for target in Target.objects.filter(is_active=True)}
    measured = {target.pk: measure(target, now) for target in targets.values()}
    with transaction.atomic():
        found = Alarm.objects.filter(resolved_at=None).select_related("target")
        alarms = {alarm.pk: alarm for alarm in found}
        plan = decide(
            (_demand(target) for target in targets.values()),
            measured,
            (OpenAlarm(alarm.pk, alarm.target_id, alarm.met_since) for alarm in alarms.values()),
            now,
        )
        changed = _apply(plan, targets, measured, alarms, now)
        announce(changed, now)
        remind(now)
        return changed


def measure(target: Target, now: datetime) -> Measured:
    """Return the target's percentile over the time it is about; of several GPUs, the worst.

    Of turns that failed or were stopped, their share. A scope that does not fit the metric is of nothing.
    """
    since = now - timedelta(seconds=target.window_s)
    if not fits(target.metric, target.scope):
        return Measured(None, 0)
    if target.metric in SHARES_OF_TURNS:
        return _share(target, since, now)
    if target.metric in (*STAGES, TOTAL):
        values = _turn_values(target, since, now)
        return Measured(percentile(values, target.percentile), len(values))
    by_device = _sample_values(target, since, now)
    ranked = [(percentile(values, target.percentile) or 0.0, len(values)) for values in by_device.values()]
    return Measured(*max(ranked)) if ranked else Measured(None, 0)


def acknowledge(alarms: Iterable[Alarm], user: Any) -> int:
    """Note that somebody knows of these alarms; return how many were not known before."""
    keys = [alarm.pk for alarm in alarms]
    unknown = Alarm.objects.filter(pk__in=keys, resolved_at=None, acknowledged_at=None)
    return unknown.update(acknowledged_at=timezone.now(), acknowledged_by=user)


def _share(target: Target, since: datetime, now: datetime) -> Measured:
    """Return the share of turns that failed, or of which the guard stopped something, in per cent."""
    rows = TurnSample.objects.filter(at__gte=since, at__lte=now, turn__isnull=False)
    turns = of_scope(rows, target.scope).values_list("turn__error", "turn__retrieval")
    if target.metric == FAILED:
        held = [bool(error) for error, _ in turns]
    else:
        held = [was_stopped(retrieval) for _, retrieval in turns]
    return Measured(100 * sum(held) / len(held) if held else None, len(held))


def _turn_values(target: Target, since: datetime, now: datetime) -> list[float]:
    rows = TurnSample.objects.filter(at__gte=since, at__lte=now, total_ms__isnull=False)
    found = of_scope(rows, target.scope).values_list("total_ms", "shares")
    if target.metric == TOTAL:
        return [total for total, _ in found if total is not None]
    return [shares[target.metric] for _, shares in found if target.metric in shares]


def _sample_values(target: Target, since: datetime, now: datetime) -> Mapping[str, list[float]]:
    rows = Sample.objects.filter(at__gte=since, at__lte=now)
    kind, _, name = target.scope.partition(":")
    if kind == "host":
        rows = rows.filter(host=name)
    found: dict[str, list[float]] = defaultdict(list)
    for host, source, values in rows.values_list("host", "source", "values"):
        for key, value in values.items():
            metric, *labels = key.split("|")
            if metric == target.metric and (kind != "engine" or name in labels[-1:]):
                found[f"{host} {source} {key}"].append(value)
    return found


def _demand(target: Target) -> Demand:
    part_of = TOTAL if target.metric in STAGES else FAILED if target.metric == ENGINE_DOWN else ""
    return Demand(target.pk, target.metric, target.scope, target.threshold, target.min_count, part_of)


def _apply(
    plan: Plan,
    targets: Mapping[int, Target],
    measured: Mapping[int, Measured],
    alarms: Mapping[int, Alarm],
    now: datetime,
) -> list[Alarm]:
    def value_of(target: int) -> float:
        figure = measured.get(target)
        return figure.value if figure and figure.value is not None else 0.0

    def names(target: int) -> list[list[str]]:
        missed = (targets[other] for other in plan.consequences.get(target, []))
        return [[other.metric, other.scope] for other in missed]

    opened = [
        Alarm(
            target=targets[key],
            opened_at=now,
            value=value_of(key),
            worst=value_of(key),
            consequences=names(key),
        )
        for key in plan.open
    ]
    for alarm in opened:
        alarm.save()
    over = [*plan.resolve, *plan.lapse]
    for key in (*plan.update, *plan.met, *over):
        alarm = alarms[key]
        if (figure := measured.get(alarm.target_id)) and figure.value is not None:
            alarm.value = figure.value
        alarm.worst = max(alarm.worst, alarm.value)
        alarm.met_since = now if key in plan.met else alarm.met_since if key in over else None
        alarm.consequences = names(alarm.target_id) or alarm.consequences
        alarm.resolved_at = now if key in over else None
        alarm.unmeasured = key in plan.lapse
        # Not the whole row: somebody may have acknowledged it meanwhile.
        alarm.save(update_fields=JUDGED)
    return opened + [alarms[key] for key in over]
