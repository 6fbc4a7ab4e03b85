"""Engines and profiles in the admin."""

from __future__ import annotations

import asyncio
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from engines.errors import EngineError
from engines.forms import EngineForm, NewEngineForm, parameter_fields
from engines.models import BackendProfile, EngineConfig, Route
from engines.profiles import endpoint_of, engine_problems, problems
from engines.server.reload import request_reload
from engines.trial import try_engine
from engines.voices.admin import VoiceProfileAdmin

__all__ = ["BackendProfileAdmin", "EngineConfigAdmin", "VoiceProfileAdmin"]

READY, NOT_READY = _("ready"), _("not usable")
NOT_COMMERCIAL = _("not for commercial use")


def lines(found: list[str]) -> str:
    """Return one paragraph a problem."""
    return format_html_join("", "<p>{}</p>", ((line,) for line in found)) or str(_("nothing"))


@admin.register(EngineConfig)
class EngineConfigAdmin(ModelAdmin):
    list_display = ["name", "stage", "backend_label", "licence", "state"]
    list_filter = ["stage"]
    search_fields = ["name", "slug"]
    actions_detail = ["try_it"]

    def get_form(self, _request: HttpRequest, obj: Any = None, *_args: Any, **_kwargs: Any) -> Any:
        return EngineForm if obj else NewEngineForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        if obj is None:
            return [(None, {"fields": ["name", "slug", "backend"]})]
        return [
            (None, {"fields": ["name", "slug", "backend_label", "licence", "found"]}),
            (_("Parameters"), {"fields": parameter_fields(obj.spec)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        return ["backend_label", "licence", "found"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(request_reload)

    def response_add(self, request: HttpRequest, obj: Any, *_args: Any) -> HttpResponse:
        text = _("Now set the parameters of %(engine)s.") % {"engine": obj}
        self.message_user(request, text, messages.INFO)
        return HttpResponseRedirect(reverse("admin:engines_engineconfig_change", args=[obj.pk]))

    @admin.display(description=_("backend"))
    def backend_label(self, engine: EngineConfig) -> str:
        return gettext(engine.spec.label)

    @admin.display(description=_("licence"))
    def licence(self, engine: EngineConfig) -> str:
        spec = engine.spec
        licence = gettext(spec.licence)
        return licence if spec.commercial else f"{licence} · {NOT_COMMERCIAL}"

    @display(description=_("state"), label={READY: "success", NOT_READY: "danger"})
    def state(self, engine: EngineConfig) -> Any:
        return NOT_READY if engine_problems(engine) else READY

    @admin.display(description=_("what stands in the way of calls"))
    def found(self, engine: EngineConfig) -> str:
        return lines(engine_problems(engine))

    @action(description=_("Try it"), icon="play_arrow")
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        engine = EngineConfig.objects.get(pk=object_id)
        found = engine_problems(engine)
        if found:
            self.message_user(request, "; ".join(found), messages.ERROR)
        else:
            self._try(request, engine)
        return HttpResponseRedirect(reverse("admin:engines_engineconfig_change", args=[object_id]))

    def _try(self, request: HttpRequest, engine: EngineConfig) -> None:
        try:
            trial = asyncio.run(try_engine(engine.stage, endpoint_of(engine)))
        except EngineError as exc:
            self.message_user(request, f"{exc.stage}: {exc.message}", messages.ERROR)
            return
        text = _("First result after %(first)s ms, all of it after %(total)s ms: %(text)s")
        values = {"first": trial.first_ms, "total": trial.total_ms, "text": trial.text}
        self.message_user(request, text % values, messages.SUCCESS)


class RouteInline(TabularInline):
    model = Route
    extra = 0
    hide_title = True
    fields = ["position", "engine", "timeout_ms"]
    autocomplete_fields = ["engine"]


@admin.register(BackendProfile)
class BackendProfileAdmin(ModelAdmin):
    list_display = ["name", "mode", "state"]
    list_filter = ["mode"]
    prepopulated_fields = {"slug": ["name"]}
    fields = ["name", "slug", "mode", "found"]
    readonly_fields = ["found"]
    inlines = [RouteInline]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        transaction.on_commit(request_reload)

    @display(description=_("state"), label={READY: "success", NOT_READY: "danger"})
    def state(self, profile: BackendProfile) -> Any:
        return NOT_READY if problems(profile) else READY

    @admin.display(description=_("what stands in the way of calls"))
    def found(self, profile: BackendProfile) -> str:
        return "–" if profile.pk is None else lines(problems(profile))
