"""What the page of the resources shows.

::

    report = resource_report(chosen("24h", now), host="")
    report.series("cpu_percent")          # {"cpu_percent": [Reading(at, average, maximum), ...]}
    report.series("gpu_percent")          # one a GPU
    report.now["memory_percent"]
    report.dropped                        # samples that the web processes threw away
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import FloatField, Max, Min, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from engines.models import EngineMemory
from monitoring.models import Rollup, Sample
from monitoring.resources import MACHINE, scope_of
from monitoring.sketches import summary
from monitoring.windows import Window

CHARTED = (
    "cpu_percent", "memory_percent", "gpu_percent", "gpu_memory_mb", "gpu_watts", "loop_lag_ms",
    "engine_queue", "calls",
)  # fmt: skip
FRESH = timedelta(minutes=1)
SAMPLE_S = 30
"""Seconds that a single reading stands for in a chart; after three missing ones there is a gap."""


@dataclass(frozen=True, slots=True)
class Reading:
    at: datetime
    average: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Engine:
    kind: str
    name: str
    up: bool
    queue: float | None
    memory_mb: float | None


@dataclass(frozen=True, slots=True)
class Gpu:
    index: str
    memory_mb: float | None
    total_mb: float | None
    percent: float | None
    celsius: float | None
    watts: float | None


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    memory_mb: float
    gpu_mb: float | None


@dataclass(frozen=True, slots=True)
class ResourceReport:
    window: Window
    host: str
    hosts: list[str]
    at: datetime | None  # of the newest sample
    now: dict[str, float]
    readings: dict[str, list[Reading]]
    step_s: int  # of each reading
    dropped: int = 0

    @property
    def fresh(self) -> bool:
        return self.at is not None and self.window.until - self.at < FRESH

    def series(self, metric: str) -> dict[str, list[Reading]]:
        """Return the readings of a metric, by its whole name: one for each GPU or engine."""
        return {key: found for key, found in sorted(self.readings.items()) if key.partition("|")[0] == metric}

    @property
    def engines(self) -> list[Engine]:
        return engines_of(self.now)

    @property
    def gpus(self) -> list[Gpu]:
        return [
            Gpu(
                index,
                used,
                self.now.get(f"gpu_memory_total_mb|{index}"),
                self.now.get(f"gpu_percent|{index}"),
                self.now.get(f"gpu_celsius|{index}"),
                self.now.get(f"gpu_watts|{index}"),
            )
            for (index,), used in _labelled(self.now, "gpu_memory_mb")
        ]

    @property
    def processes(self) -> list[Process]:
        """The processes: first those that have most of a GPU, then of the main memory."""
        found = [
            Process(name, mb, self.now.get(f"process_gpu_mb|{name}"))
            for (name,), mb in _labelled(self.now, "process_mb")
        ]
        return sorted(found, key=lambda process: (-(process.gpu_mb or 0), -process.memory_mb))


def engines_of(readings: Mapping[str, float]) -> list[Engine]:
    """Return the engines that readings are of, such as those of a sample."""
    return [
        Engine(
            kind,
            name,
            bool(up),
            readings.get(f"engine_queue|{kind}|{name}"),
            readings.get(f"engine_memory_mb|{kind}|{name}"),
        )
        for (kind, name), up in _labelled(readings, "engine_up")
    ]


def _labelled(readings: Mapping[str, float], metric: str) -> Iterator[tuple[list[str], float]]:
    for key, value in sorted(readings.items()):
        name, *labels = key.split("|")
        if name == metric:
            yield labels, value


def resource_report(window: Window, host: str = "") -> ResourceReport:
    """Return the figures of ``host``; of the host of the newest sample when there is none of that name."""
    recent = Sample.objects.filter(source=MACHINE, at__gte=window.until - timedelta(days=1))
    hosts = sorted(recent.values_list("host", flat=True).distinct())
    machine = Sample.objects.filter(source=MACHINE).order_by("-at")
    newest = (machine.filter(host=host) if host in hosts else machine).first()
    if newest is None:
        return ResourceReport(window, "", [], None, {}, {}, 0)
    raw = window.step < Rollup.Step.HOUR
    step = SAMPLE_S if raw else _step(window)
    readings = _raw(window, newest.host) if raw else _rolled(window, newest.host, step)
    dropped = _dropped(window, newest.host)
    return ResourceReport(window, newest.host, hosts, newest.at, newest.values, readings, step, dropped)


def _step(window: Window) -> int:
    short = window.until - window.since < timedelta(days=2)
    return Rollup.Step.FIVE_MINUTES if short else window.step


def predicted_and_measured() -> list[EngineMemory]:
    """Return the last measurement of each engine's memory, beside what was predicted for it."""
    found: dict[int, EngineMemory] = {}
    for row in EngineMemory.objects.select_related("engine").order_by("engine", "-at"):
        found.setdefault(row.engine_id, row)
    return list(found.values())


def _raw(window: Window, host: str) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = defaultdict(list)
    samples = Sample.objects.filter(host=host, at__gte=window.since, at__lt=window.until).order_by("at")
    for at, values in samples.values_list("at", "values"):
        for key, value in _charted(values):
            found[key].append(Reading(at, value, value))
    return dict(found)


def _rolled(window: Window, host: str, step: int) -> dict[str, list[Reading]]:
    names = Q()
    for name in CHARTED:
        names |= Q(metric=name) | Q(metric__startswith=f"{name}|")
    rows = Rollup.objects.filter(
        names, step=step, scope=scope_of(host), start__gte=window.since, start__lt=window.until
    )
    found: dict[str, list[Reading]] = defaultdict(list)
    for start, metric, count, sketch in rows.order_by("start").values_list(
        "start", "metric", "count", "sketch"
    ):
        found[metric].append(Reading(start, *summary(sketch, count)))
    return dict(found)


def _dropped(window: Window, host: str) -> int:
    """Return how many samples were thrown away; each web process counts its own, from its start."""
    samples = Sample.objects.filter(
        host=host, source__startswith="web:", at__gte=window.since, at__lt=window.until
    )
    count = Cast(KeyTextTransform("samples_dropped", "values"), FloatField())  # as any number of a sample
    processes = samples.values("source").annotate(first=Min(count), last=Max(count))
    return round(sum(last - first for first, last in processes.values_list("first", "last")))


def _charted(values: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if key.partition("|")[0] in CHARTED:
            yield key, value
