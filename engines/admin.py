"""Engines and profiles in the admin."""

from __future__ import annotations

import asyncio
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from engines.errors import EngineError
from engines.fit import engine_fit, profile_fit
from engines.forms import EngineForm, NewEngineForm, RouteFormSet, parameter_fields
from engines.models import BackendProfile, EngineConfig, Route
from engines.profiles import endpoint_of, engine_problems, problems
from engines.publishing import BudgetError, publish, unpublish
from engines.server.reload import request_reload
from engines.trial import try_engine
from engines.voices.admin import VoiceProfileAdmin

__all__ = ["BackendProfileAdmin", "EngineConfigAdmin", "VoiceProfileAdmin"]

READY, NOT_READY = _("ready"), _("not usable")
PUBLISHED, DRAFT = _("published"), _("draft")
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

    class Media:
        js = ["engines/memory.js"]
        css = {"all": ["engines/engines.css"]}

    def get_form(self, _request: HttpRequest, obj: Any = None, *_args: Any, **_kwargs: Any) -> Any:
        return EngineForm if obj else NewEngineForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        if obj is None:
            return [(None, {"fields": ["name", "slug", "backend"]})]
        return [
            (None, {"fields": ["name", "slug", "backend_label", "licence", "found", "memory"]}),
            (_("Parameters"), {"fields": parameter_fields(obj.spec)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        return ["backend_label", "licence", "found", "memory"] if obj else []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.predict_view))
        prediction = path("<int:pk>/memory/", view, name="engines_engineconfig_memory")
        return [prediction, *super().get_urls()]

    def predict_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return what the engine would take with the form's values, which stay unsaved."""
        engine = get_object_or_404(EngineConfig, pk=pk)
        if not self.has_change_permission(request, engine):
            raise PermissionDenied
        form = EngineForm(request.POST, instance=engine)
        form.is_valid()  # the form's clean gives the engine its values; what is wrong with them is said below
        return render(request, "admin/engines/prediction.html", {"fit": engine_fit(form.instance)})

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

    @admin.display(description=_("memory"))
    def memory(self, engine: EngineConfig) -> str:
        context = {"fit": engine_fit(engine), "engine": engine}
        return render_to_string("admin/engines/engine_memory.html", context)

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
    formset = RouteFormSet
    extra = 0
    hide_title = True
    fields = ["position", "engine", "timeout_ms"]
    autocomplete_fields = ["engine"]


@admin.register(BackendProfile)
class BackendProfileAdmin(ModelAdmin):
    list_display = ["name", "mode", "state", "publication"]
    list_filter = ["mode", "is_published"]
    prepopulated_fields = {"slug": ["name"]}
    fields = ["name", "slug", "mode", "found", "override", "memory"]
    readonly_fields = ["found", "override", "memory"]
    inlines = [RouteInline]
    actions_detail = ["publish"]

    class Media:
        css = {"all": ["engines/engines.css"]}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        transaction.on_commit(request_reload)

    @display(description=_("state"), label={READY: "success", NOT_READY: "danger"})
    def state(self, profile: BackendProfile) -> Any:
        return NOT_READY if problems(profile) else READY

    @display(description=_("calls"), label={PUBLISHED: "success", DRAFT: "info"})
    def publication(self, profile: BackendProfile) -> Any:
        return PUBLISHED if profile.is_published else DRAFT

    @admin.display(description=_("what stands in the way of calls"))
    def found(self, profile: BackendProfile) -> str:
        return "–" if profile.pk is None else lines(problems(profile))

    @admin.display(description=_("published"))
    def override(self, profile: BackendProfile) -> str:
        return render_to_string("admin/engines/publication.html", {"profile": profile})

    @admin.display(description=_("memory"))
    def memory(self, profile: BackendProfile) -> str:
        if profile.pk is None:
            return "–"
        return render_to_string("admin/engines/profile_memory.html", {"fit": profile_fit(profile)})

    @action(description=_("Publish"), icon="publish", permissions=["change"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what the profile takes; publish or unpublish it when that is confirmed (POST)."""
        profile = get_object_or_404(BackendProfile, pk=object_id)
        fit = profile_fit(profile)
        may_exceed = request.user.has_perm("engines.override_budget")
        if request.method == "POST":
            try:
                said = self._publish(request, profile, fit.over_mb if may_exceed else 0)
            except BudgetError as exc:
                self.message_user(request, str(exc), messages.ERROR)
            else:
                self.log_change(request, profile, said)
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:engines_backendprofile_change", args=[object_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": profile.name,
            "profile": profile,
            "fit": fit,
            "found": problems(profile),
            "may_exceed": may_exceed,
            "needs_override": fit.over_mb > profile.override_mb,
            "opts": self.model._meta,
        }
        return render(request, "admin/engines/publish.html", context)

    def _publish(self, request: HttpRequest, profile: BackendProfile, may_exceed_mb: int) -> str:
        """Do what the button says. An override is for the figure that was shown, not for what it is now."""
        if "unpublish" in request.POST:
            unpublish(profile)
            return gettext("Taken from calls.")
        confirmed = request.POST.get("override_mb", "")
        if may_exceed_mb and confirmed == str(may_exceed_mb):
            assert isinstance(request.user, User)
            publish(profile, override_by=request.user)
            return gettext("Published, %(mb)s MB over the budget.") % {"mb": may_exceed_mb}
        publish(profile)
        return gettext("Published.")
