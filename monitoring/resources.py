"""Samples of resources: stored one by one, and rolled up when their step is over.

::

    store_sample(now, host, {"cpu_percent": 12.5})
    close_steps(now, host)
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction

from monitoring.models import Rollup, Sample
from monitoring.rollups import start_of, stretches
from monitoring.sketches import Sketch, merged

MACHINE = "machine"
# Each step is merged from those below it; five minutes from the samples.
BELOW = {Rollup.Step.HOUR: Rollup.Step.FIVE_MINUTES, Rollup.Step.DAY: Rollup.Step.HOUR}


def store_sample(at: datetime, host: str, values: dict[str, float], source: str = MACHINE) -> None:
    Sample.objects.create(at=at, host=host, source=source, values=values)


def scope_of(host: str) -> str:
    return f"host:{host}"


def close_steps(now: datetime, host: str) -> int:
    """Write the distributions of the steps that are over and not written yet; return how many steps."""
    return sum(_close(step, now, host) for step in Rollup.Step)


def _close(step: Rollup.Step, now: datetime, host: str) -> int:
    """Write what is over since the last that was written, however long nothing was."""
    scope, current = scope_of(host), start_of(step, now)
    last = (
        Rollup.objects.filter(step=step, scope=scope)
        .order_by("-start")
        .values_list("start", flat=True)
        .first()
    )
    if (below := BELOW.get(step)) is not None:
        rows = Rollup.objects.filter(step=below, scope=scope, start__lt=current).values_list(
            "start", flat=True
        )
        times = list((rows.filter(start__gt=last) if last else rows).distinct())
    else:
        samples = Sample.objects.filter(host=host, at__lt=current).values_list("at", flat=True)
        times = list(samples.filter(at__gt=last) if last else samples)
    starts = {start_of(step, at) for at in times}
    return sum(_write(step, scope, start, _values(step, host, start)) for start in sorted(starts - {last}))


def _values(step: Rollup.Step, host: str, start: datetime) -> dict[str, Sketch]:
    end = start + timedelta(seconds=step)
    if (below := BELOW.get(step)) is not None:
        parts: dict[str, list[Sketch]] = defaultdict(list)
        for sketches in stretches(below, scope_of(host), start, end).values():
            for metric, sketch in sketches.items():
                parts[metric].append(sketch)
        return {metric: merged(sketches) for metric, sketches in parts.items()}
    found: dict[str, Sketch] = defaultdict(Sketch)
    samples = Sample.objects.filter(host=host, at__gte=start, at__lt=end)
    for values in samples.values_list("values", flat=True):
        for metric, value in values.items():
            found[metric].add(value)
    return found


def _write(step: int, scope: str, start: datetime, sketches: dict[str, Sketch]) -> int:
    if not sketches:
        return 0
    with transaction.atomic():
        Rollup.objects.bulk_create(
            [
                Rollup(
                    step=step,
                    scope=scope,
                    metric=metric[:100],
                    start=start,
                    count=sketch.count,
                    sketch=sketch.to_bytes(),
                )
                for metric, sketch in sketches.items()
            ],
            ignore_conflicts=True,
        )
    return 1
