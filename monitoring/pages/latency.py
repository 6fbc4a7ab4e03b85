"""The page of latency: ``admin:monitoring_turnsample_changelist``, ``?scope=assistant:anna&step=stt``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiker.calls.templatetags.calls_extras import LATENCY_NAMES, seconds
from monitoring import charts
from monitoring.changes import changes
from monitoring.figures import metric_label
from monitoring.latency_report import (
    HISTOGRAM_MS,
    PERCENTILES,
    LatencyReport,
    StageFigures,
    latency_report,
    scopes,
)
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
        report = latency_report(window, scope if scope in known else "", request.GET.get("step", TOTAL))
        links = Links({"window": window.choice.name, "scope": report.scope, "step": report.step})
        return {
            "report": report,
            "windows": links.windows(window.choice.name),
            "scopes": _scope_groups(known),
            "steps": _step_links(report, links),
            **_drawn(report),
        }


def stage_label(name: str) -> str:
    return _("voice to voice") if name == TOTAL else str(LATENCY_NAMES.get(name, name))


def _step_links(report: LatencyReport, links: Links) -> list[dict[str, Any]]:
    """Return the choices of what is drawn over time: the whole, then its steps."""
    present = [name for name in (TOTAL, *STAGES) if report.of(name)]
    return [
        {"label": metric_label(name), "link": links.to(step=name), "active": name == report.step}
        for name in present
    ]


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
    shown = report.of(report.step)
    if shown is None:
        return {}
    marks = changes(report.window)
    heading = _("%(step)s over time") % {"step": metric_label(report.step)}
    stages = [(stage_label(stage.name), stage) for stage in report.stages]
    return {
        "heading": heading,
        "shown": shown,
        "lines": _over_time(report, shown, heading, marks),
        "stacked": _stacked(report, marks),
        "histogram": charts.histogram(
            HISTOGRAM_MS, report.histogram, seconds, _("How many turns took how long"), report.target_ms
        ),
        "percentile_names": PERCENTILE_NAMES.items(),
        "stages": stages,
        "slowest": [(turn, stage_label(turn.stage)) for turn in report.slowest],
        "marks": list(reversed(marks)),
    }


def _over_time(
    report: LatencyReport, shown: StageFigures, heading: str, marks: Sequence[charts.Mark]
) -> SafeString:
    """Return the percentiles of one step, or of the whole, against its own target."""
    points = [point for point in report.points if point.percentiles]
    top = charts.top_of(max(point.percentiles[99] for point in points), shown.target_ms)
    # Under that, hundredths of a second are too coarse for the four lines of the axis.
    axis = charts.Axis(report.window, top, seconds if top >= 400 else _milliseconds)
    lines = [
        charts.Line(
            f"p{p}",
            str(PERCENTILE_NAMES[p]),
            [(point.start, point.percentiles[p]) for point in points],
            report.window.step,
        )
        for p in PERCENTILES
    ]
    return charts.line_chart(axis, lines, heading, shown.target_ms, marks)


def _stacked(report: LatencyReport, marks: Sequence[charts.Mark]) -> SafeString:
    points, target = report.points, report.target_ms
    layers = [(stage, stage_label(stage)) for stage in STAGES if any(stage in p.shares for p in points)]
    most = max(sum(point.shares.values()) for point in points)
    axis = charts.Axis(report.window, charts.top_of(most, target), seconds)
    shares = [(point.start, point.shares) for point in points]
    return charts.stacked_bars(axis, layers, shares, _("What each step adds, on average"), target, marks)


def _milliseconds(ms: float) -> str:
    return f"{ms:.3g} ms"
