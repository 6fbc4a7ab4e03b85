"""The page of latency: ``admin:monitoring_turnsample_changelist``, ``?window=7d&scope=assistant:anna``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiker.calls.templatetags.calls_extras import LATENCY_NAMES, seconds
from monitoring import charts
from monitoring.changes import changes
from monitoring.latency_report import HISTOGRAM_MS, PERCENTILES, LatencyReport, latency_report, scopes
from monitoring.models import TurnSample
from monitoring.pages.links import Links
from monitoring.pages.measured import MeasuredAdmin
from monitoring.turns import OWN_ENGINES, STAGES, TOTAL
from monitoring.windows import chosen

SCOPES = {
    "assistant": gettext_lazy("Assistants"),
    "profile": gettext_lazy("Engine profiles"),
    "engine": gettext_lazy("Engines"),
    "version": gettext_lazy("Knowledge versions"),
}
PERCENTILE_NAMES = {
    50: gettext_lazy("half of the turns"),
    95: gettext_lazy("95 of 100 turns"),
    99: gettext_lazy("99 of 100 turns"),
}


@admin.register(TurnSample)
class LatencyAdmin(MeasuredAdmin):
    title = gettext_lazy("Latency")
    template = "admin/monitoring/latency.html"

    def shown(self, request: HttpRequest) -> dict[str, Any]:
        window = chosen(request.GET.get("window", ""), timezone.now())
        known = scopes(window)
        scope = request.GET.get("scope", "")
        report = latency_report(window, scope if scope in known else "")
        links = Links({"window": window.choice.name, "scope": report.scope})
        return {
            "report": report,
            "windows": links.windows(window.choice.name),
            "scopes": _scope_groups(known),
            **_drawn(report),
        }


def stage_label(name: str) -> str:
    return _("voice to voice") if name == TOTAL else str(LATENCY_NAMES.get(name, name))


def _scope_groups(known: list[str]) -> list[tuple[Any, list[tuple[str, str]]]]:
    groups = []
    for kind, label in SCOPES.items():
        names = [scope for scope in known if scope.startswith(f"{kind}:")]
        if names:
            groups.append((label, [(scope, _scope_label(scope)) for scope in names]))
    return groups


def _scope_label(scope: str) -> str:
    name = scope.partition(":")[2]
    return _("engines of the settings") if name == OWN_ENGINES else name


def _drawn(report: LatencyReport) -> dict[str, Any]:
    """Return the charts, and the tables that say the same."""
    if report.total is None:
        return {}
    marks = changes(report.window)
    points, target = report.points, report.target_ms
    slowest_ms = max(point.percentiles[99] for point in points)
    axis = charts.Axis(report.window, charts.top_of(slowest_ms, target), seconds)
    lines = [
        charts.Line(
            f"p{p}",
            str(PERCENTILE_NAMES[p]),
            [(q.start, q.percentiles[p]) for q in points],
            report.window.step,
        )
        for p in PERCENTILES
    ]
    present = [s for s in STAGES if any(s in point.shares for point in points)]
    layers = [(stage, stage_label(stage)) for stage in present]
    most = max(sum(point.shares.values()) for point in points)
    bars = charts.Axis(report.window, charts.top_of(most, target), seconds)
    shares = [(point.start, point.shares) for point in points]
    return {
        "lines": charts.line_chart(axis, lines, _("Voice to voice over time"), target, marks),
        "stacked": charts.stacked_bars(
            bars, layers, shares, _("What each step adds, on average"), target, marks
        ),
        "histogram": charts.histogram(
            HISTOGRAM_MS, report.histogram, seconds, _("How many turns took how long"), target
        ),
        "layers": layers,
        "percentile_names": PERCENTILE_NAMES.items(),
        "stages": [(stage_label(stage.name), stage) for stage in report.stages],
        "slowest": [(turn, stage_label(turn.stage)) for turn in report.slowest],
        "marks": list(reversed(marks)),
    }
