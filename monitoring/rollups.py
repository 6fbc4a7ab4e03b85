"""Distributions kept by step of time: read, merged and written back.

::

    add({Key(Rollup.Step.HOUR, "", "total", start): [1520, 1810]})
    stretches(Rollup.Step.HOUR, "assistant:anna", since, until)   # {start: {"total": Sketch, "stt": ...}}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import timezone

from monitoring.models import Rollup
from monitoring.sketches import Sketch


class Key(NamedTuple):
    """Which distribution; ``start`` is that of its stretch of time (``start_of``)."""

    step: int
    scope: str
    metric: str
    start: datetime


def start_of(step: int, at: datetime) -> datetime:
    """Return when the stretch of ``step`` seconds with ``at`` in it began; days are the operator's."""
    if step == Rollup.Step.DAY:
        return timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % step, UTC)


def add(values: Mapping[Key, Iterable[float]]) -> None:
    """Add values to the distributions; within a transaction, or another writer's are lost."""
    stretches_of: dict[tuple[int, str, datetime], dict[str, Sketch]] = defaultdict(dict)
    for key, numbers in values.items():
        stretches_of[key.step, key.scope, key.start][key.metric] = Sketch.of(numbers)
    rows = []
    for (step, scope, start), sketches in stretches_of.items():
        there = Rollup.objects.filter(step=step, scope=scope, start=start, metric__in=sketches)
        for metric, data in there.values_list("metric", "sketch"):
            sketches[metric].merge(Sketch.from_bytes(data))
        rows += [
            Rollup(
                step=step,
                scope=scope,
                metric=metric,
                start=start,
                count=sketch.count,
                sketch=sketch.to_bytes(),
            )
            for metric, sketch in sketches.items()
        ]
    Rollup.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["step", "scope", "start", "metric"],
        update_fields=["count", "sketch"],
    )


def stretches(
    step: int, scope: str, since: datetime, until: datetime, metrics: Iterable[str] | None = None
) -> dict[datetime, dict[str, Sketch]]:
    """Return the distributions of every stretch that began in the time, by metric, the oldest first."""
    rows = Rollup.objects.filter(step=step, scope=scope, start__gte=since, start__lt=until)
    if metrics is not None:
        rows = rows.filter(metric__in=metrics)
    found: dict[datetime, dict[str, Sketch]] = {}
    for start, metric, data in rows.order_by("start").values_list("start", "metric", "sketch"):
        found.setdefault(start, {})[metric] = Sketch.from_bytes(data)
    return found
