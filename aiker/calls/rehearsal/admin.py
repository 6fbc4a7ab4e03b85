"""Rehearsals in the admin: asked for, followed, read side by side with sound, confirmed, adopted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from aiker.audio_response import audio_response
from aiker.calls.rehearsal import carry_out
from aiker.calls.rehearsal.drafts import contents, with_changes
from aiker.calls.rehearsal.forms import NOW, RehearsalForm, chosen
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer
from aiker.calls.rehearsal.page import page_of
from aiker.calls.tasks import request_rehearsal
from knowledge.models import IndexVersion
from knowledge.versions import request_version

PASSED, FAILED, UNDER_WAY, BROKEN = _("passed"), _("not passed"), _("being rehearsed"), _("broken off")
AUDIO = ("question", "live", "draft")


@admin.register(Rehearsal)
class RehearsalAdmin(ModelAdmin):
    form = RehearsalForm
    list_display = ["created_at", "assistant", "version", "state", "questions", "requested_by"]
    list_filter = ["assistant", "passed"]
    list_select_related = ["assistant", "version__base", "requested_by"]
    list_per_page = 50
    fieldsets = [
        (None, {"fields": ["assistant", "chosen_version"]}),
        (
            _("Draft of the assistant"),
            {
                "fields": [
                    "system_prompt",
                    "passages",
                    "no_answer",
                    "hot_words",
                    "voice_profile",
                    "voice",
                    "speed",
                    "profile",
                ]
            },
        ),
        (_("What is asked"), {"fields": ["max_questions", "callers", "conversations", "max_past_turns"]}),
    ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, (extra_context or {}) | one_button)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the address says: ``?assistant=1``, ``?version=7``."""
        found: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        number = request.GET.get("version", "")
        version = IndexVersion.objects.filter(pk=number).first() if number.isdecimal() else None
        if version:
            found["chosen_version"] = str(version.pk)
            first = version.base.assistant_set.filter(is_active=True).order_by("pk").first()
            if first:
                found.setdefault("assistant", first.pk)
        return found

    def save_model(self, request: HttpRequest, obj: Rehearsal, form: Any, change: bool) -> None:  # noqa: ARG002
        """Have the worker rehearse; a version of the documents as they are is built first."""
        assert isinstance(request.user, User)
        version = chosen(obj.assistant, form.cleaned_data["chosen_version"])
        base = obj.assistant.knowledge_base
        if base and form.cleaned_data["chosen_version"] == NOW:
            version = request_version(base, gettext("for a rehearsal"), user=request.user, publish=False)
        begun = carry_out.begin(
            obj.assistant,
            version,
            changes=obj.changes,
            user=request.user,
            **{name: form.cleaned_data[name] for name in ("max_questions", "callers", "conversations")},
            max_past_turns=form.cleaned_data["max_past_turns"],
        )
        obj.pk = begun.pk
        request_rehearsal(begun)

    def response_add(self, request: HttpRequest, obj: Rehearsal, *_args: Any, **_kwargs: Any) -> HttpResponse:  # noqa: ARG002
        return redirect("admin:calls_rehearsal_change", obj.pk)

    def get_urls(self) -> list[URLPattern]:
        views = {
            "<int:pk>/audio/<int:number>/<str:which>/": ("audio", self.audio_view),
            "<int:pk>/confirm/<int:number>/": ("confirm", self.confirm_view),
            "<int:pk>/adopt/": ("adopt", self.adopt_view),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"calls_rehearsal_{name}")
            for route, (name, view) in views.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show a rehearsal: the verdict, then the answers that change, false and lost ones first."""
        rehearsal = self._rehearsal(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": gettext("Rehearsal"),
            "opts": self.model._meta,
            "rehearsal": rehearsal,
            "may_confirm": request.user.has_perm("calls.confirm_rehearsal"),
            "may_adopt": self._may_adopt(request, rehearsal),
            **page_of(rehearsal, may_see_calls=request.user.has_perm("calls.view_call")),
        }
        return render(request, "admin/calls/rehearsal.html", context)

    def audio_view(self, request: HttpRequest, pk: int, number: int, which: str) -> HttpResponse:
        """Send the question or an answer as it was heard."""
        rehearsal = self._rehearsal(request, pk)
        answer = get_object_or_404(rehearsal.answers, number=number)
        if answer.kind == RehearsalAnswer.Kind.PAST_TURN and not request.user.has_perm("calls.view_call"):
            raise PermissionDenied
        file = getattr(answer, f"{which}_audio") if which in AUDIO else None
        if not file or not file.storage.exists(file.name):
            raise Http404
        with file.open() as opened:
            return audio_response(request, opened)

    @method_decorator(require_POST)
    def confirm_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Record that the changed facts of an answer are meant so: of all answers to its question."""
        rehearsal = self._rehearsal(request, pk)
        if not request.user.has_perm("calls.confirm_rehearsal") or not isinstance(request.user, User):
            raise PermissionDenied
        answer = get_object_or_404(rehearsal.answers, number=number)
        carry_out.confirm(answer, request.user)
        self.log_change(request, rehearsal, gettext("Changed facts confirmed: ") + answer.question[:100])
        return HttpResponseRedirect(f"{reverse('admin:calls_rehearsal_change', args=[pk])}#answer-{number}")

    @method_decorator(require_POST)
    def adopt_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the assistant what was rehearsed and passed."""
        rehearsal = self._rehearsal(request, pk)
        if not self._may_adopt(request, rehearsal):
            raise PermissionDenied
        changed = with_changes(rehearsal.assistant, rehearsal.changes)
        changed.save(update_fields=list(rehearsal.changes))
        self.log_change(request, rehearsal, gettext("Adopted by the assistant."))
        messages.success(request, gettext("Saved: the next call is answered with it."))
        return redirect("admin:calls_assistant_change", rehearsal.assistant_id)

    def _rehearsal(self, request: HttpRequest, pk: Any) -> Rehearsal:
        rows = Rehearsal.objects.select_related("assistant__knowledge_base__active_version", "version__base")
        rehearsal = rows.filter(pk=pk).first() if str(pk).isdecimal() else None
        if not self.has_view_permission(request, rehearsal):
            raise PermissionDenied
        if rehearsal is None:
            raise Http404
        return rehearsal

    def _may_adopt(self, request: HttpRequest, rehearsal: Rehearsal) -> bool:
        """Whether what was passed would be what goes live: nothing has changed since."""
        base = rehearsal.assistant.knowledge_base
        live = base.active_version if base else None
        return bool(
            rehearsal.passed
            and rehearsal.changes
            and request.user.has_perm("calls.change_assistant")
            and contents(with_changes(rehearsal.assistant, rehearsal.changes), live) == rehearsal.contents
        )

    @display(description=_("state"), label={PASSED: "success", FAILED: "danger", BROKEN: "danger"})
    def state(self, rehearsal: Rehearsal) -> Any:
        if rehearsal.is_under_way:
            return UNDER_WAY
        if rehearsal.passed is None:
            return BROKEN
        return PASSED if rehearsal.passed else FAILED

    @admin.display(description=_("questions"))
    def questions(self, rehearsal: Rehearsal) -> Any:
        return rehearsal.figures.get("questions", "–")
