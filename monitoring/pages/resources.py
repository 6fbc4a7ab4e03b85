"""The page of the resources: ``admin:monitoring_sample_changelist``, ``?window=7d&host=gpu-1``."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from monitoring import charts
from monitoring.models import Sample, Target
from monitoring.pages.links import Links
from monitoring.pages.measured import MeasuredAdmin
from monitoring.resource_report import Reading, ResourceReport, predicted_and_measured, resource_report
from monitoring.windows import chosen


@admin.register(Sample)
class ResourcesAdmin(MeasuredAdmin):
    title = gettext_lazy("Resources")
    template = "admin/monitoring/resources.html"

    def shown(self, request: HttpRequest) -> dict[str, Any]:
        window = chosen(request.GET.get("window", ""), timezone.now())
        report = resource_report(window, request.GET.get("host", ""))
        links = Links({"window": window.choice.name, "host": report.host if len(report.hosts) > 1 else ""})
        return {
            "report": report,
            "windows": links.windows(window.choice.name),
            "budget_mb": settings.AIKER.vram_budget_mb,
            "memory_of_engines": predicted_and_measured(),
            "charts": _charts(report) if report.at else [],
        }


def _charts(report: ResourceReport) -> list[dict[str, Any]]:
    """Return what there are readings of, each with its title, legend and picture."""
    targets = dict(Target.objects.filter(is_active=True, scope="").values_list("metric", "threshold"))
    wanted = [
        (_("Processor and memory"), ["cpu_percent", "memory_percent"], _percent, 100.0, None),
        (_("GPU utilisation"), ["gpu_percent"], _percent, 100.0, targets.get("gpu_percent")),
        (_("GPU memory"), ["gpu_memory_mb"], _gigabytes, None, targets.get("gpu_memory_mb")),
        (_("GPU power"), ["gpu_watts"], _watts, None, None),
        (_("Lateness of the web process, peaks"), ["loop_lag_ms"], _milliseconds, None, None),
        (_("Requests that wait for an engine, peaks"), ["engine_queue"], _number, None, None),
        (_("Calls at once, peaks"), ["calls"], _number, None, None),
    ]
    drawn = []
    for title, metrics, write, top, target in wanted:
        series = {key: found for metric in metrics for key, found in report.series(metric).items()}
        if series:
            drawn.append(_chart(report, title, series, write, top, target))
    return drawn


def _chart(
    report: ResourceReport,
    title: str,
    series: dict[str, list[Reading]],
    write: charts.Write,
    top: float | None,
    target: float | None,
) -> dict[str, Any]:
    most = max(reading.maximum for readings in series.values() for reading in readings)
    # Of things that are counted, every line of the scale is a whole number.
    whole = 4 * max(1, math.ceil(most / 4)) if write is _number else None
    axis = charts.Axis(report.window, top or whole or charts.top_of(most, target), write)
    peaks = not series.keys() & {"cpu_percent", "memory_percent"}
    lines = [
        charts.Line(
            f"s{number % COLOURS}",
            label(key),
            [(reading.at, reading.maximum if peaks else reading.average) for reading in readings],
            report.step_s,
        )
        for number, (key, readings) in enumerate(series.items())
    ]
    picture: SafeString = charts.line_chart(axis, lines, title, target)
    return {"title": title, "picture": picture, "lines": lines, "target": target}


COLOURS = 6


def label(key: str) -> str:
    """Return what a reading is called: ``gpu_percent|0`` is GPU 0, ``engine_queue|stt|base`` is base."""
    name, *labels = key.split("|")
    if name.startswith("gpu_"):
        return f"GPU {labels[0]}"
    names = {
        "cpu_percent": _("processor"),
        "memory_percent": _("main memory"),
        "loop_lag_ms": _("web process"),
        "calls": _("calls"),
    }
    return names.get(name) or (labels[-1] if labels else name)


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _gigabytes(mb: float) -> str:
    return f"{mb / 1024:.1f} GB"


def _watts(value: float) -> str:
    return f"{value:.0f} W"


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms"


def _number(value: float) -> str:
    return f"{value:g}"
