"""Targets, alarms and retention in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from monitoring.alarms import acknowledge, measure
from monitoring.asking import ask
from monitoring.error_budget import error_budget
from monitoring.figures import METRICS, SHARES_OF_TURNS, metric_label, named, value_with_unit
from monitoring.models import Alarm, Notification, Retention, Target
from monitoring.scopes import scope_problem

STATES = {
    "open": gettext_lazy("open"),
    "acknowledged": gettext_lazy("acknowledged"),
    "resolved": gettext_lazy("resolved"),
    "unmeasured": gettext_lazy("no longer measured"),
}


class TargetForm(forms.ModelForm):
    metric = forms.ChoiceField(label=gettext_lazy("metric"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Target
        fields = ["metric", "scope", "percentile", "threshold", "window_s", "min_count", "is_active"]
        help_texts = {"percentile": gettext_lazy("Without meaning for the share of turns with an error.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["metric"].choices = [(name, metric_label(name)) for name in METRICS]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a scope that nothing would be measured of; a target that is not watched may keep it."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        metric, scope = data.get("metric"), data.get("scope")
        if data.get("is_active") and metric and scope and (problem := scope_problem(metric, scope)):
            self.add_error("scope", problem)
        return data


@admin.register(Target)
class TargetAdmin(ModelAdmin):
    form = TargetForm
    list_display = ["what", "scope", "demand", "now", "budget", "is_active"]
    list_filter = ["is_active"]

    @admin.display(description=gettext_lazy("metric"), ordering="metric")
    def what(self, target: Target) -> str:
        return metric_label(target.metric)

    @admin.display(description=gettext_lazy("target"))
    def demand(self, target: Target) -> str:
        text = _("%(percent)d%% at most %(value)s over %(minutes)g min")
        if target.metric in SHARES_OF_TURNS:
            text = _("at most %(value)s over %(minutes)g min")
        return text % {
            "percent": target.percentile,
            "value": value_with_unit(target.threshold, target.metric),
            "minutes": round(target.window_s / 60, 1),
        }

    @display(description=gettext_lazy("now"), label={"met": "success", "missed": "danger", "unknown": "info"})
    def now(self, target: Target) -> tuple[str, str]:
        measured = measure(target, timezone.now())
        if measured.value is None or measured.count < target.min_count:
            return "unknown", _("too few values")
        met = measured.value <= target.threshold
        return "met" if met else "missed", value_with_unit(measured.value, target.metric)

    @admin.display(description=gettext_lazy("error budget of 30 days"))
    def budget(self, target: Target) -> str:
        """How much of what may be over the target was used, and how fast it goes now."""
        found = error_budget(target, timezone.now())
        if found is None:
            return "–"
        return _("%(used).0f%% used, burning %(rate).1f×") % {
            "used": found.used * 100,
            "rate": found.burn_rate,
        }


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:  # noqa: ARG002
        match self.value():
            case "open":
                return queryset.filter(resolved_at=None, acknowledged_at=None)
            case "acknowledged":
                return queryset.filter(resolved_at=None).exclude(acknowledged_at=None)
            case "resolved":
                return queryset.exclude(resolved_at=None).filter(unmeasured=False)
            case "unmeasured":
                return queryset.filter(unmeasured=True)
        return queryset


@admin.register(Alarm)
class AlarmAdmin(ModelAdmin):
    """Alarms open and resolve by themselves; operators say that they know of them."""

    list_display = ["state_label", "what", "value_now", "value_worst", "opened_at", "resolved_at", "known_by"]
    list_filter = [StateFilter]
    list_select_related = ["target", "acknowledged_by"]
    actions = ["acknowledge_alarms"]
    actions_detail = ["acknowledge_alarm"]
    fields = [
        "what", "state_text", "value_now", "value_worst", "demanded", "also", "opened_at", "resolved_at",
        "acknowledged_at", "known_by", "told",
    ]  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_acknowledge_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("monitoring.acknowledge_alarm")

    @admin.action(description=gettext_lazy("Acknowledge"), permissions=["acknowledge"])
    def acknowledge_alarms(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        count = acknowledge(queryset, request.user)
        text = ngettext("%(n)d alarm is acknowledged.", "%(n)d alarms are acknowledged.", count)
        messages.success(request, text % {"n": count})

    @action(description=gettext_lazy("Acknowledge"), icon="notifications_off", permissions=["acknowledge"])
    def acknowledge_alarm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask; acknowledge when that is confirmed (POST)."""
        alarm = get_object_or_404(Alarm, pk=object_id)
        if request.method != "POST":
            text = _("It leaves the sidebar, and nobody is reminded of it.")
            return ask(self, request, alarm, _("Acknowledge"), text)
        self.acknowledge_alarms(request, Alarm.objects.filter(pk=object_id))
        return redirect("admin:monitoring_alarm_change", object_id)

    @display(
        description=gettext_lazy("state"),
        label={"open": "danger", "acknowledged": "warning", "resolved": "success", "unmeasured": "info"},
    )
    def state_label(self, alarm: Alarm) -> tuple[str, str]:
        return alarm.state, str(STATES[alarm.state])

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, alarm: Alarm) -> str:
        return str(STATES[alarm.state])

    @admin.display(description=gettext_lazy("metric"), ordering="target__metric")
    def what(self, alarm: Alarm) -> str:
        return named(alarm.target.metric, alarm.target.scope)

    @admin.display(description=gettext_lazy("now"))
    def value_now(self, alarm: Alarm) -> str:
        return value_with_unit(alarm.value, alarm.target.metric)

    @admin.display(description=gettext_lazy("worst"))
    def value_worst(self, alarm: Alarm) -> str:
        return value_with_unit(alarm.worst, alarm.target.metric)

    @admin.display(description=gettext_lazy("target"))
    def demanded(self, alarm: Alarm) -> str:
        return value_with_unit(alarm.target.threshold, alarm.target.metric)

    @admin.display(description=gettext_lazy("missed for the same cause"))
    def also(self, alarm: Alarm) -> str:
        return ", ".join(named(metric, scope) for metric, scope in alarm.consequences) or "–"

    @admin.display(description=gettext_lazy("acknowledged by"))
    def known_by(self, alarm: Alarm) -> str:
        return str(alarm.acknowledged_by or "–")

    @admin.display(description=gettext_lazy("who was told"))
    def told(self, alarm: Alarm) -> SafeString | str:
        rows = alarm.notifications.exclude(state=Notification.State.WITHDRAWN).select_related("recipient")
        lines = ((row, row.get_state_display()) for row in rows.order_by("pk"))
        return format_html_join("", "<p>{}: {}</p>", lines) or "–"


@admin.register(Retention)
class RetentionAdmin(ModelAdmin):
    list_display = ["name", "days"]
    list_editable = ["days"]
    list_display_links = None
    readonly_fields = ["name"]
    fields = ["name", "days"]

    @admin.display(description=gettext_lazy("kind"))
    def name(self, row: Retention) -> str:
        return row.get_kind_display()

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


def open_alarms(request: HttpRequest) -> str:
    """Return how many alarms nobody has acknowledged, for the sidebar; empty when there is none."""
    if not request.user.has_perm("monitoring.view_alarm"):
        return ""
    return str(Alarm.objects.filter(resolved_at=None, acknowledged_at=None).count() or "")
