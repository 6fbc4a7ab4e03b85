"""Electricity of the GPUs, from the power that was measured every ten seconds.

::

    energy(window)      # [(start, 0.012), ...] in kWh; [] where no GPU tells its power

Time in which nothing was measured counts as nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from monitoring.models import Rollup, Sample
from monitoring.rollups import start_of
from monitoring.sketches import summary
from monitoring.windows import Window

METRIC = "gpu_watts|"
SAMPLE_S = 10  # ``sampler.SAMPLE_EVERY``
WATT_SECONDS = 3_600_000  # a kWh


def energy(window: Window) -> list[tuple[datetime, float]]:
    """Return the kWh of all GPUs in each step of the window in which power was measured."""
    steps: dict[datetime, float] = defaultdict(float)
    for host in _hosts(window):
        for at, joules in _of_host(host, window):
            steps[start_of(window.step, at)] += joules / WATT_SECONDS
    return sorted(steps.items())


def _hosts(window: Window) -> list[str]:
    """Return the hosts whose power was measured."""
    # The finest distributions begin soonest, the coarser ones stay longer.
    rolled = Rollup.objects.filter(
        step__in=(window.step, Rollup.Step.FIVE_MINUTES),
        scope__gt="host:",
        scope__lt="host;",
        start__gte=window.since,
        metric__startswith=METRIC,
    )
    names = {scope.partition(":")[2] for scope in rolled.values_list("scope", flat=True).distinct()}
    recent = Sample.objects.filter(at__gte=window.until - timedelta(seconds=Rollup.Step.FIVE_MINUTES))
    return sorted(names | set(recent.values_list("host", flat=True).distinct()))


def _of_host(host: str, window: Window) -> Iterator[tuple[datetime, float]]:
    """Yield watt seconds: from distributions as coarse as the window's, and finer where those end."""
    since = window.since
    for step in sorted((s for s in Rollup.Step if s <= window.step), reverse=True):
        rows = Rollup.objects.filter(
            step=step,
            scope=f"host:{host}",
            start__gte=since,
            start__lt=window.until,
            metric__startswith=METRIC,
        )
        ends = since
        for start, count, sketch in rows.order_by("start").values_list("start", "count", "sketch"):
            yield start, summary(sketch, count).average * count * SAMPLE_S
            ends = start + timedelta(seconds=step)
        since = ends
    samples = Sample.objects.filter(host=host, at__gte=since, at__lt=window.until)
    for at, values in samples.values_list("at", "values"):
        for name, watts in values.items():
            if name.startswith(METRIC):
                yield at, watts * SAMPLE_S
