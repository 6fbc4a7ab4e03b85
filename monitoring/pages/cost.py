"""The page of the cost, ``admin:monitoring_tally_changelist``, and the list of prices."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from monitoring import charts
from monitoring.cost.models import Price
from monitoring.cost.report import CostReport, Offer, Used, cost_report
from monitoring.models import Tally
from monitoring.pages.links import Links
from monitoring.pages.measured import MeasuredAdmin
from monitoring.quality.report import assistants
from monitoring.windows import chosen

MOST_OFFERS = 4
"""Columns that the tables have room for."""


@admin.register(Tally)
class CostAdmin(MeasuredAdmin):
    title = gettext_lazy("Cost")
    template = "admin/monitoring/cost.html"

    def shown(self, request: HttpRequest) -> dict[str, Any]:
        window = chosen(request.GET.get("window", ""), timezone.now())
        known = assistants(window)
        name = request.GET.get("assistant", "")
        report = cost_report(window, name if name in known else "")
        links = Links({"window": window.choice.name, "assistant": report.assistant})
        return {
            "report": report,
            "windows": links.windows(window.choice.name),
            "assistants": known,
            "offers": [_offer(offer, report) for offer in report.offers],
            "columns": report.offers[:MOST_OFFERS],
            "days": [_row(report, day) for day in report.days],
            "by_assistant": [_row(report, used) for used in report.assistants],
            "electricity": report.electricity_cost(report.total),
            "units": [unit for unit in Price.Unit if unit is not Price.Unit.KWH],
            **_drawn(report),
        }


def _offer(offer: Offer, report: CostReport) -> dict[str, Any]:
    """Return an offer with what each of its lines comes to; None where it has none."""
    lines = offer.lines(report.total.counts)
    return {
        "offer": offer,
        "lines": [lines.get(unit) for unit in Price.Unit if unit is not Price.Unit.KWH],
        "total": offer.cost(report.total.counts),
    }


def _row(report: CostReport, used: Used) -> dict[str, Any]:
    return {
        "used": used,
        "costs": [(used.costs[offer.name], offer.currency) for offer in report.offers[:MOST_OFFERS]],
        "electricity": report.electricity_cost(used),
    }


def _drawn(report: CostReport) -> dict[str, Any]:
    """Return the charts of minutes and of electricity."""
    found: dict[str, Any] = {}
    minutes = [(start, {"minutes": counts.get("call_ms", 0) / 60_000}) for start, counts in report.points]
    if minutes:
        found["minutes_chart"] = _bars(report, minutes, "minutes", _("Minutes of calls"))
    if report.energy:
        kwh = [(start, {"kwh": amount}) for start, amount in report.energy]
        found["energy_chart"] = _bars(report, kwh, "kwh", _("Electricity (kWh)"))
    return found


def _bars(report: CostReport, bars: Any, name: str, label: str) -> Any:
    top = charts.top_of(max(values[name] for _, values in bars))
    return charts.stacked_bars(charts.Axis(report.window, top, _plain), [(name, label)], bars, label)


def _plain(value: float) -> str:
    return f"{value:.3g}"


@admin.register(Price)
class PriceAdmin(ModelAdmin):
    list_display = ["offer", "unit", "amount", "currency", "is_example", "is_active"]
    list_editable = ["amount", "is_example", "is_active"]
    list_filter = ["is_active", "is_example", "offer"]
    fields = ["offer", "unit", ("amount", "currency"), "is_active", "is_example"]
