"""Metrics and their values as operators read them."""

from __future__ import annotations

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiker.calls.templatetags.calls_extras import LATENCY_NAMES, seconds
from monitoring.turns import STAGES, TOTAL

FAILED = "failed_percent"
STOPPED = "stopped_percent"
SHARES_OF_TURNS = (FAILED, STOPPED)
ENGINE_DOWN = "engine_down"
ENGINE_QUEUE = "engine_queue"
OTHERS = {
    FAILED: gettext_lazy("turns that ended in an error"),
    STOPPED: gettext_lazy("answers stopped by the guard"),
    ENGINE_DOWN: gettext_lazy("engines that are down"),
    "gpu_memory_mb": gettext_lazy("GPU memory"),
    "gpu_percent": gettext_lazy("GPU utilisation"),
    "gpu_celsius": gettext_lazy("GPU temperature"),
    "cpu_percent": gettext_lazy("processor"),
    "memory_percent": gettext_lazy("main memory"),
    "disk_percent": gettext_lazy("disk"),
    "loop_lag_ms": gettext_lazy("lateness of the web process"),
    ENGINE_QUEUE: gettext_lazy("requests that wait for an engine"),
}
METRICS = (TOTAL, *STAGES, *OTHERS)


def metric_label(metric: str) -> str:
    if metric == TOTAL:
        return capfirst(_("voice to voice"))
    return capfirst(str(LATENCY_NAMES.get(metric) or OTHERS.get(metric) or metric))


def named(metric: str, scope: str) -> str:
    """Return a metric and of what it is: ``Recognition (assistant:anna)``."""
    return f"{metric_label(metric)} ({scope})" if scope else metric_label(metric)


def value_with_unit(value: float, metric: str) -> str:
    """Return a value in the unit of its metric: seconds, GB or per cent."""
    if metric == TOTAL or metric in STAGES:
        return seconds(value)
    if metric.endswith("_mb"):
        return f"{value / 1024:.1f} GB"
    if metric.endswith("_percent"):
        return f"{value:.0f}%"
    return f"{value:g}"
