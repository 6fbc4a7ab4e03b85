"""Voices in the admin: recordings and consent go in, a preview and a scorecard come out."""

from __future__ import annotations

import mimetypes
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from aiker.audio_response import audio_response
from engines.voices.figures import Figure, figures
from engines.voices.forms import VoiceSampleForm
from engines.voices.identity import VoiceKind, identity_obstacles, is_not_the_person, label_of
from engines.voices.models import VoiceName, VoiceProfile, VoiceSample, VoiceState
from engines.voices.publishing import obstacles, publish
from engines.voices.tasks import request_preparation

STATE_COLOURS = {
    VoiceState.DRAFT.value: "default",
    VoiceState.PREPARING.value: "info",
    VoiceState.FAILED.value: "danger",
    VoiceState.READY.value: "success",
    VoiceKind.PRESET.value: "warning",
}
NOT_CLONED = _("preset voice, not cloned")
PUBLISHED, OUTDATED, UNPUBLISHED = _("published"), _("changed since"), _("not published")
NOT_COMMERCIAL = _("not for commercial use")


def figure_lines(found: list[Figure]) -> SafeString | str:
    """Return a line a figure: a sign, what it is, what was found and what is wanted."""
    return (
        format_html_join(
            "",
            '<p class="whitespace-nowrap">{} {} <b>{}</b> <span class="opacity-60">{}</span></p>',
            (("✓" if f.ok else "✗", f.label, f.found, f.wanted) for f in found),
        )
        or "–"
    )


def player(url: str) -> SafeString:
    return format_html('<audio class="w-56" controls preload="none" src="{}"></audio>', url)


class VoiceSampleInline(TabularInline):
    model = VoiceSample
    form = VoiceSampleForm
    extra = 0
    hide_title = True
    fields = ["recording", "listen", "found"]
    readonly_fields = ["listen", "found"]

    @admin.display(description=_("listen"))
    def listen(self, sample: VoiceSample) -> str:
        if sample.pk is None:
            return "–"
        return player(reverse("admin:engines_voiceprofile_audio", args=["sample", sample.pk]))

    @admin.display(description=_("verdict"))
    def found(self, sample: VoiceSample) -> str:
        return figure_lines(figures(sample.verdict))


class VoiceNameInline(TabularInline):
    model = VoiceName
    extra = 0
    hide_title = True
    fields = ["engine", "voice"]


@admin.register(VoiceProfile)
class VoiceProfileAdmin(ModelAdmin):
    list_display = ["name", "heard", "prepared_on", "how_it_is", "publication"]
    search_fields = ["name", "slug", "speaker"]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": ["name", "slug", "engine"]}),
        (
            _("Speaker"),
            {"fields": ["is_synthetic", "speaker", "consent", "consented_on", "consent_recorded_by"]},
        ),
        (
            _("Result"),
            {"fields": ["state_now", "heard", "in_the_way", "listen", "card", "licence", "publication"]},
        ),
    ]
    readonly_fields = [
        "consent_recorded_by",
        "state_now",
        "heard",
        "in_the_way",
        "listen",
        "card",
        "licence",
        "publication",
    ]
    inlines = [VoiceSampleInline, VoiceNameInline]
    actions_detail = ["prepare", "publish"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:2]

    def has_publish_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("engines.publish_voiceprofile")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VoiceProfile]:
        return super().get_queryset(request).select_related("engine").prefetch_related("names")

    def get_urls(self) -> list[URLPattern]:
        audio = path(
            "audio/<str:kind>/<int:pk>/",
            self.admin_site.admin_view(self.audio_view),
            name="engines_voiceprofile_audio",
        )
        return [audio, *super().get_urls()]

    def audio_view(self, request: HttpRequest, kind: str, pk: int) -> HttpResponse:
        """Send a recording or a preview to those who may see voices."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        stored = _stored(kind, pk)
        if not stored:
            raise Http404
        guessed = mimetypes.guess_type(stored.name or "")[0] or "application/octet-stream"
        with stored.open("rb") as file:
            return audio_response(request, file, guessed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if {"consent", "consented_on", "speaker"} & set(form.changed_data):
            obj.consent_recorded_by = request.user
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        voice = form.instance
        if is_not_the_person(voice):
            for line in identity_obstacles(voice):
                self.message_user(request, line, messages.WARNING)
        if voice.is_outdated and (voice.samples.exists() or voice.names.exists()):
            transaction.on_commit(lambda: request_preparation(voice))
            self.message_user(request, _("The voice is being prepared."), messages.INFO)

    @action(description=_("Prepare again"), icon="refresh", permissions=["change"])
    def prepare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        voice = VoiceProfile.objects.get(pk=object_id)
        VoiceProfile.objects.filter(pk=object_id).update(prepared="")
        transaction.on_commit(lambda: request_preparation(voice))
        self.message_user(request, _("The voice is being prepared."), messages.INFO)
        return _back(object_id)

    @action(description=_("Publish"), icon="campaign", permissions=["publish"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what the voice is worth and what is in the way; publish it when that is confirmed (POST)."""
        voice = get_object_or_404(VoiceProfile, pk=object_id)
        if request.method == "POST":
            try:
                publish(voice, request.user)
            except ValidationError as exc:
                for line in exc.messages:
                    self.message_user(request, line, messages.ERROR)
            else:
                said = gettext("Published: it is heard from the next call on.")
                self.log_change(request, voice, said)
                self.message_user(request, said, messages.SUCCESS)
            return _back(object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": voice.name,
            "voice": voice,
            "figures": figures(voice.scorecard.get("figures", [])),
            "obstacles": obstacles(voice),
            "label": label_of(voice),
            "opts": self.model._meta,
        }
        return render(request, "admin/engines/publish_voice.html", context)

    @admin.display(description=_("prepared on"))
    def prepared_on(self, voice: VoiceProfile) -> str:
        return str(voice.engine or _("this machine's own engine"))

    @display(description=_("state"), label=STATE_COLOURS)
    def how_it_is(self, voice: VoiceProfile) -> tuple[str, Any]:
        if voice.state == VoiceState.READY and is_not_the_person(voice):
            return VoiceKind.PRESET.value, NOT_CLONED
        return voice.state, voice.get_state_display()

    @admin.display(description=_("state"))
    def state_now(self, voice: VoiceProfile) -> str:
        return str(self.how_it_is(voice)[1])

    @admin.display(description=_("callers hear"))
    def heard(self, voice: VoiceProfile) -> str:
        return label_of(voice)

    @display(description=_("publication"), label={PUBLISHED: "success", OUTDATED: "warning"})
    def publication(self, voice: VoiceProfile) -> Any:
        if not voice.published:
            return UNPUBLISHED
        return PUBLISHED if voice.published == voice.source else OUTDATED

    @admin.display(description=_("what stands in the way of publishing"))
    def in_the_way(self, voice: VoiceProfile) -> str:
        lines = [*voice.error.splitlines(), *obstacles(voice)]
        return format_html_join("", "<p>{}</p>", ((line,) for line in lines)) or str(_("nothing"))

    @admin.display(description=_("preview"))
    def listen(self, voice: VoiceProfile) -> str:
        if not voice.preview:
            return "–"
        sound = player(reverse("admin:engines_voiceprofile_audio", args=["preview", voice.pk]))
        return format_html("<p>{}</p>{}", label_of(voice), sound)

    @admin.display(description=_("scorecard"))
    def card(self, voice: VoiceProfile) -> str:
        return figure_lines(figures(voice.scorecard.get("figures", [])))

    @admin.display(description=_("licence"))
    def licence(self, voice: VoiceProfile) -> str:
        licence = voice.scorecard.get("licence", "–")
        return licence if voice.scorecard.get("commercial", True) else f"{licence} · {NOT_COMMERCIAL}"


def _stored(kind: str, pk: int) -> FieldFile | None:
    if kind == "sample":
        sample = VoiceSample.objects.filter(pk=pk).first()
        return sample.recording if sample else None
    voice = VoiceProfile.objects.filter(pk=pk).first()
    return voice.preview if voice and kind == "preview" else None


def _back(object_id: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:engines_voiceprofile_change", args=[object_id]))
