"""Assistants, and the record of calls, in the admin."""

from __future__ import annotations

from statistics import median
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from aiker.audio_response import audio_response
from aiker.calls.assistant_form import AssistantForm, CopyForm, MenuInline, VoiceChoiceField
from aiker.calls.call_page.page import export_of, is_audible, page_of
from aiker.calls.call_page.waveform import WaveformError, stored_peaks
from aiker.calls.copying import copy_assistant, free_slug
from aiker.calls.lexicon_admin import LexiconEntryAdmin
from aiker.calls.models import Assistant, Call, EndReason, Tool, Turn
from aiker.calls.rehearsal.admin import RehearsalAdmin
from aiker.calls.tasks import request_check
from aiker.calls.templatetags.calls_extras import WIRE_NAMES, clock, ended, engine_names, seconds, wire_name
from aiker.calls.tools.admin import ToolAdmin
from aiker.calls.tools.transfer import provide_transfer, transfer_of, unkept_offers, waiting_transfer
from aiker.calls.voice_samples import engines_without_voice, voice_sample
from engines.errors import EngineError
from engines.models import BackendProfile
from engines.profiles import ProfileError
from knowledge.errors import KnowledgeError
from knowledge.models import GoldenRun

__all__ = ["AssistantAdmin", "CallAdmin", "LexiconEntryAdmin", "RehearsalAdmin", "ToolAdmin"]

END_COLOURS = {
    "": "info",
    EndReason.HUNG_UP.value: "success",
    EndReason.GOODBYE.value: "success",
    EndReason.SILENCE.value: "default",
    EndReason.TIME_LIMIT.value: "warning",
    EndReason.ENGINE_FAILURE.value: "danger",
    EndReason.PROTOCOL_ERROR.value: "danger",
    EndReason.CONNECTION_LOST.value: "warning",
    EndReason.SERVER_STOPPED.value: "warning",
    EndReason.INTERNAL_ERROR.value: "danger",
    EndReason.TRANSFERRED.value: "success",
    EndReason.ASSISTANT_HUNG_UP.value: "success",
    EndReason.OPERATOR.value: "warning",
    EndReason.REFUSED.value: "danger",
    EndReason.NOT_STARTED.value: "danger",
}


@admin.register(Assistant)
class AssistantAdmin(ModelAdmin):
    list_display = ["name", "slug", "voice", "knowledge_base", "is_active", "call_link"]
    list_filter = ["is_active"]
    prepopulated_fields = {"slug": ["name"]}
    actions_detail = ["copy", "check_answers", "rehearse", "set_up_transfer"]
    readonly_fields = ["transfer"]
    form = AssistantForm
    inlines = [MenuInline]

    class Media:
        js = ["calls/voice-sample.js"]
        css = {"all": ["calls/voice-sample.css"]}

    fieldsets = [
        (
            None,
            {"fields": ["name", "slug", "is_active", "language", "knowledge_base", "passages", "hot_words"]},
        ),
        (_("Transfer to a person"), {"fields": ["transfer", "no_transfer"]}),
        (_("Voice and engines"), {"fields": ["voice", "voice_profile", "speed", "profile"]}),
        (
            _("Words"),
            {
                "fields": [
                    "system_prompt",
                    "greeting",
                    "no_answer",
                    "apology",
                    "unheard_answer",
                    "there_answer",
                    "hold_answer",
                    "machine_answer",
                    "fillers",
                    "silence_prompt",
                    "goodbye",
                ]
            },
        ),
        (
            _("Manners"),
            {
                "fields": [
                    "vad",
                    "end_of_turn_ms",
                    "longest_pause_ms",
                    "silence_seconds",
                    "silence_prompts",
                    "hold_seconds",
                    "filler_ms",
                    "max_answer_seconds",
                    "max_call_seconds",
                    "needs_rehearsal",
                ]
            },
        ),
    ]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "profile":
            kwargs["queryset"] = BackendProfile.objects.filter(is_published=True)
        elif db_field.name == "voice_profile":
            kwargs["form_class"] = VoiceChoiceField
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.voice_sample_view)
        return [path("voice-sample/", view, name="calls_assistant_voice_sample"), *super().get_urls()]

    def voice_sample_view(self, request: HttpRequest) -> HttpResponse:
        """Say a sentence with ``?voice=``, by the engines of ``?profile=``, as callers hear it."""
        if not self.has_view_or_change_permission(request) and not self.has_add_permission(request):
            raise PermissionDenied
        try:
            audio = voice_sample(request.GET.get("voice", ""), request.GET.get("profile", ""))
        except (EngineError, ProfileError) as exc:
            return HttpResponse(str(exc), status=503, content_type="text/plain; charset=utf-8")
        return HttpResponse(audio, content_type="audio/wav")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        # A new assistant has no transfer to tell of yet.
        return fieldsets if obj else [_without(fieldset, "transfer") for fieldset in fieldsets]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        assistant = form.instance
        if not change:
            provide_transfer(assistant)
        if assistant.voice_profile and (others := engines_without_voice(assistant)):
            text = _("%(engines)s does not know the published voice: callers hear the other voice there.")
            self.message_user(request, text % {"engines": "、".join(others)}, messages.WARNING)
        if unkept := unkept_offers(assistant):
            text = _("These offer a transfer that is not there; calls leave the offer out: %(fields)s.")
            self.message_user(request, text % {"fields": "、".join(unkept.values())}, messages.WARNING)

    @admin.display(description=_("transfer to a person"))
    def transfer(self, assistant: Assistant) -> str:
        if tool := transfer_of(assistant):
            return format_html(
                str(_("Callers who ask for a person are transferred to {target} by the tool {link}.")),
                target=tool.target,
                link=_link_to(tool),
            )
        if tool := waiting_transfer(assistant):
            text = _("Not in use yet: fill in the number in the tool {link} and switch it on.")
            return format_html(str(text), link=_link_to(tool))
        return str(_("There is none: “Set up transfer” above makes one to be filled in."))

    def has_copy_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("calls.add_assistant")

    @action(description=_("Copy assistant"), icon="content_copy", permissions=["copy"])
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the name and the address of the copy; make it when they are confirmed (POST)."""
        assistant = get_object_or_404(Assistant, pk=object_id)
        proposed = {
            "name": gettext("%(name)s (copy)") % {"name": assistant.name},
            "slug": free_slug(assistant.slug),
        }
        form = CopyForm(request.POST or None, initial=proposed)
        if request.method == "POST" and form.is_valid():
            copy = copy_assistant(assistant, name=form.cleaned_data["name"], slug=form.cleaned_data["slug"])
            said = gettext("Copied. It answers no calls until “answers calls” is switched on.")
            self.log_addition(request, copy, said)
            self.message_user(request, said, messages.SUCCESS)
            return redirect("admin:calls_assistant_change", copy.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Copy assistant"),
            "opts": self.model._meta,
            "assistant": assistant,
            "form": form,
        }
        return render(request, "admin/calls/copy_assistant.html", context)

    def has_set_up_transfer_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("calls.change_assistant") and request.user.has_perm("calls.change_tool")

    @action(description=_("Set up transfer"), icon="phone_forwarded", permissions=["set_up_transfer"])
    def set_up_transfer(self, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ARG002
        """Open the transfer of the assistant; where it has none, give it the one that ships."""
        assistant = get_object_or_404(Assistant, pk=object_id)
        tool = transfer_of(assistant) or waiting_transfer(assistant) or provide_transfer(assistant)
        return redirect("admin:calls_tool_change", tool.pk)

    def has_check_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("knowledge.view_goldenrun")

    @action(description=_("Check answers"), icon="checklist", permissions=["check"])
    def check_answers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is checked; have the worker do it when that is confirmed (POST)."""
        assistant = get_object_or_404(
            Assistant.objects.select_related("knowledge_base__active_version"), pk=object_id
        )
        if request.method == "POST":
            assert isinstance(request.user, User)
            try:
                run = request_check(assistant, request.user)
            except KnowledgeError as exc:
                messages.error(request, exc.message)
            else:
                return redirect("admin:knowledge_goldenrun_change", run.pk)
        base = assistant.knowledge_base
        context = {
            **self.admin_site.each_context(request),
            "title": _("Check answers"),
            "opts": self.model._meta,
            "assistant": assistant,
            "questions": base.golden_questions.filter(is_active=True).count() if base else 0,
            "runs": GoldenRun.objects.filter(assistant=assistant.slug)[:10],
        }
        return render(request, "admin/calls/check_answers.html", context)

    def has_rehearse_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("calls.add_rehearsal")

    @action(description=_("Rehearse changes"), icon="theater_comedy", permissions=["rehearse"])
    def rehearse(self, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ARG002
        return redirect(f"{reverse('admin:calls_rehearsal_add')}?assistant={object_id}")

    @admin.display(description=_("test call"))
    def call_link(self, assistant: Assistant) -> str:
        return format_html(
            '<a class="text-primary-600" href="{}?assistant={}">{}</a>',
            reverse("softphone"),
            assistant.slug,
            _("Call"),
        )


def _link_to(tool: Tool) -> str:
    url = reverse("admin:calls_tool_change", args=[tool.pk])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, tool.name)


def _without(fieldset: Any, name: str) -> Any:
    title, options = fieldset
    return title, {**options, "fields": [field for field in options["fields"] if field != name]}


class WireFilter(admin.SimpleListFilter):
    title = _("came by")
    parameter_name = "wire"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(name, wire_name(name)) for name in WIRE_NAMES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Call]) -> QuerySet[Call]:  # noqa: ARG002
        return queryset.filter(wire=self.value()) if self.value() else queryset


@admin.register(Call)
class CallAdmin(ModelAdmin):
    """Calls are recorded, not edited; they can be read, heard and deleted."""

    list_display = [
        "started_at",
        "assistant",
        "came_by",
        "caller",
        "length",
        "turn_count",
        "latency",
        "how_it_ended",
    ]
    list_filter = ["assistant", WireFilter, "end_reason", "started_at"]
    search_fields = ["id", "caller", "carrier_call_id", "turns__user_text", "turns__assistant_text"]
    search_help_text = _("Caller, or words that were said")
    list_select_related = ["assistant"]
    list_per_page = 50
    fields = [
        "assistant",
        "came_by",
        "caller",
        "carrier_call_id",
        "started_at",
        "end_detail",
        "transfer_to",
        "engines_used",
        "knowledge_version",
        "call_id",
    ]
    readonly_fields = fields
    change_form_before_template = "admin/calls/call_record.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        # The events of a call can be long, and no page shows them; the list needs two numbers of a turn.
        turns = Turn.objects.only("call_id", "number", "voice_to_voice_ms")
        return super().get_queryset(request).defer("events").prefetch_related(Prefetch("turns", turns))

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Call | None = None) -> bool:  # noqa: ARG002
        return False

    def get_urls(self) -> list[URLPattern]:
        views = {
            "recording": self.recording_view,
            "waveform": self.waveform_view,
            "export": self.export_view,
        }
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"calls_call_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def recording_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Send the recording to those who may see the call."""
        call = self._recorded(request, pk)
        with call.recording.open() as file:
            return audio_response(request, file)

    def waveform_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Send the peaks of the recording (``call_page.waveform``): the caller's, then the assistant's."""
        call = self._recorded(request, pk)
        try:
            caller, assistant = stored_peaks(call.recording)
        except WaveformError as exc:
            return HttpResponse(str(exc), status=422, content_type="text/plain")
        answer = HttpResponse(caller + assistant, content_type="application/octet-stream")
        answer["Cache-Control"] = "private, max-age=3600"
        return answer

    def export_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Send all that is known of the call but its sound."""
        shown = export_of(self._seen(request, pk))
        answer = JsonResponse(shown, json_dumps_params={"ensure_ascii": False, "indent": 2})
        answer["Content-Disposition"] = f'attachment; filename="call-{pk}.json"'
        return answer

    def _seen(self, request: HttpRequest, pk: UUID) -> Call:
        """Return a call to one who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Call.objects.select_related("assistant").defer("events"), pk=pk)

    def _recorded(self, request: HttpRequest, pk: UUID) -> Call:
        call = self._seen(request, pk)
        if not is_audible(call):
            raise Http404
        return call

    def has_replay_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("calls.replay_call")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        call = Call.objects.defer("events").filter(pk=object_id).first() if _is_uuid(object_id) else None
        context = {
            **(extra_context or {}),
            **(page_of(call) if call else {}),
            "call_may_replay": self.has_replay_permission(request),
        }
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description=_("came by"), ordering="wire")
    def came_by(self, call: Call) -> str:
        return wire_name(call.wire)

    @admin.display(description=_("length"), ordering="duration_ms")
    def length(self, call: Call) -> str:
        return clock(call.duration_ms)

    @admin.display(description=_("turns"))
    def turn_count(self, call: Call) -> int:
        return len(call.turns.all())  # prefetched

    @admin.display(description=_("median voice to voice"))
    def latency(self, call: Call) -> str:
        values = [ms for turn in call.turns.all() if (ms := turn.voice_to_voice_ms) is not None]
        return seconds(median(values)) if values else "–"

    @admin.display(description=_("call id"))
    def call_id(self, call: Call) -> str:
        return str(call.pk)

    @admin.display(description=_("engines"))
    def engines_used(self, call: Call) -> str:
        return engine_names(call.engines) or "–"

    @display(description=_("ended by"), ordering="end_reason", label=END_COLOURS)
    def how_it_ended(self, call: Call) -> tuple[str, str]:
        return call.end_reason, ended(call)


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
