"""The metrics that the sampler measured, read from what it stored: one query a scrape.

::

    REGISTRY.register(StoredMetrics())

Every web process shows the same, so Prometheus may ask any of them. Where the newest sample is older than
``STALE_S`` only its age is shown: no number is better than an old one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)
STALE_S = 60.0

# Of a sample's readings: name: (metric, help, labels, unit in the metric's own).
FAMILIES: dict[str, tuple[str, str, list[str], float]] = {
    "engine_up": ("aiker_engine_up", "1 when it answers and its model is loaded.", ["kind", "engine"], 1),
    "engine_queue": ("aiker_engine_queue", "Requests that wait for an engine or run.", ["kind", "engine"], 1),
    "engine_memory_mb": (
        "aiker_engine_memory_bytes", "What loading an engine's model took.", ["kind", "engine"], 2**20,
    ),
    "documents": ("aiker_index_documents", "Documents by whether callers hear them.", ["state"], 1),
    "process_mb": ("aiker_process_memory_bytes", "Memory of a process and its children.", ["process"], 2**20),
    "process_gpu_mb": (
        "aiker_process_gpu_memory_bytes", "GPU memory of a process and its children.", ["process"], 2**20,
    ),
    "gpu_memory_mb": ("aiker_gpu_memory_used_bytes", "Memory in use of a GPU.", ["gpu"], 2**20),
    "gpu_percent": ("aiker_gpu_utilisation_ratio", "How busy a GPU is, 0 to 1.", ["gpu"], 0.01),
    "gpu_celsius": ("aiker_gpu_temperature_celsius", "Temperature of a GPU.", ["gpu"], 1),
    "gpu_watts": ("aiker_gpu_power_watts", "Power that a GPU draws.", ["gpu"], 1),
    "disk_free_mb": ("aiker_disk_free_bytes", "Free space where the data lie.", [], 2**20),
    "tasks_waiting": ("aiker_worker_tasks_waiting", "Tasks that wait for the worker.", [], 1),
}  # fmt: skip


class StoredMetrics(Collector):
    """See the module."""

    def describe(self) -> Iterable[Metric]:
        return [*_families().values(), _age(), _alarms()]

    def collect(self) -> Iterable[Metric]:
        from monitoring.models import Alarm, Sample

        try:
            newest = Sample.objects.filter(source="machine").order_by("-at").first()
            open_alarms = Alarm.objects.filter(resolved_at=None).values_list("target__metric", flat=True)
            metrics = list(open_alarms)
        except DatabaseError as exc:
            logger.warning("/metrics without what is in the database: %s", exc)
            return []
        alarms = _alarms()
        for metric in sorted(set(metrics)):
            alarms.add_metric([metric], metrics.count(metric))
        if newest is None:
            return [alarms]
        age = _age()
        seconds = (timezone.now() - newest.at) / timedelta(seconds=1)
        age.add_metric([], max(0.0, seconds))
        return [alarms, age, *(_filled(newest.values).values() if seconds < STALE_S else [])]


def reading(name: str, *labels: str) -> str:
    """Return the key of a reading in a sample: ``engine_up|stt|whisper-base``."""
    return "|".join((name, *(label.replace("|", "/") for label in labels)))


def _filled(values: dict[str, Any]) -> dict[str, GaugeMetricFamily]:
    families = _families()
    for key, value in values.items():
        name, *labels = key.split("|")
        if name in FAMILIES and value is not None:
            families[name].add_metric(labels, value * FAMILIES[name][3])
    return families


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        key: GaugeMetricFamily(name, about, labels=labels)
        for key, (name, about, labels, _) in FAMILIES.items()
    }


def _age() -> GaugeMetricFamily:
    return GaugeMetricFamily("aiker_sampler_age_seconds", "Age of the newest sample of the sampler.")


def _alarms() -> GaugeMetricFamily:
    return GaugeMetricFamily("aiker_alarms_open", "Alarms that are not resolved.", labels=["metric"])
