"""The lexicon in the admin: proposals are accepted or rejected, edited in the list, and listened to."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from aiker.calls.clauses import clauses_of
from aiker.calls.engines import make_tts
from aiker.calls.models import Assistant
from aiker.calls.plan import plan_for
from aiker.calls.reading import read_clauses
from aiker.calls.tasks import request_phrases
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.profiles import ProfileError, default_plan
from engines.routing import Breakers, Routes
from engines.trial import VOICE
from knowledge.form_fields import LinesField
from knowledge.models import KnowledgeBase, LexiconEntry
from knowledge.proposing import propose_for
from knowledge.reading import Reader
from knowledge.vocabulary import Lexicon

STATE_COLOURS = {
    LexiconEntry.State.PROPOSED.value: "info",
    LexiconEntry.State.ACCEPTED.value: "success",
    LexiconEntry.State.REJECTED.value: "default",
}
READING_CHARS = 120


class LexiconEntryForm(forms.ModelForm):
    misheard = LinesField(
        label=_("misheard as"), help_text=_("One a line: what recognition writes instead; it is corrected.")
    )

    class Meta:
        model = LexiconEntry
        fields = ["base", "term", "kind", "state", "hot_word", "misheard", "reading"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["misheard"].widget.attrs["rows"] = 2

    def clean_misheard(self) -> list[str]:
        misheard: list[str] = self.cleaned_data["misheard"]
        if (self.cleaned_data.get("term") or self.instance.term) in misheard:
            raise ValidationError(_("The word itself is not misheard."))
        return misheard


@admin.register(LexiconEntry)
class LexiconEntryAdmin(ModelAdmin):
    form = LexiconEntryForm
    list_display = ["term", "how_it_is", "times", "example", "hot_word", "misheard", "reading", "listen"]
    list_editable = ["hot_word", "misheard", "reading"]
    list_filter = ["state", "kind", "hot_word", "base"]
    search_fields = ["term", "reading", "misheard"]
    ordering = ["-count", "term"]
    list_per_page = 50
    readonly_fields = ["times", "example", "listen"]
    fields = [
        "base",
        "term",
        "kind",
        "state",
        "hot_word",
        "misheard",
        "reading",
        "times",
        "example",
        "listen",
    ]
    actions = ["accept", "reject"]
    actions_list = ["propose"]

    class Media:
        js = ["calls/lexicon.js"]
        css = {"all": ["calls/lexicon.css"]}

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **kwargs, form=LexiconEntryForm)

    def get_urls(self) -> list[URLPattern]:
        audio = path(
            "<int:pk>/audio/",
            self.admin_site.admin_view(self.audio_view),
            name="knowledge_lexiconentry_audio",
        )
        return [audio, *super().get_urls()]

    def audio_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say the example clause by clause, with ``?reading=`` in the place of the word, as callers hear it.

        The header ``X-Reading`` says how it is read, percent-encoded.
        """
        entry = get_object_or_404(LexiconEntry, pk=pk)
        if not self.has_view_permission(request, entry):
            raise PermissionDenied
        reading = request.GET.get("reading", "")[:READING_CHARS]
        readings = {word.term: word.reading for word in Lexicon.of(entry.base_id).words}
        read = Reader(readings | {entry.term: reading})
        text = entry.example or entry.term
        try:
            audio = asyncio.run(_say(_voice_of(entry.base, read), text))
        except (EngineError, ProfileError) as exc:
            return HttpResponse(str(exc), status=503, content_type="text/plain; charset=utf-8")
        response = HttpResponse(wav_bytes(g711.RATE, g711.decode(audio)), content_type="audio/wav")
        response["X-Reading"] = quote("".join(read_clauses(text, read, early=False)))
        return response

    def save_model(self, request: HttpRequest, obj: LexiconEntry, form: Any, change: bool) -> None:
        if form.has_changed():
            obj.edited = True
        super().save_model(request, obj, form, change)

    @action(description=_("Accept"), icon="check", permissions=["change"])
    def accept(self, request: HttpRequest, queryset: QuerySet[LexiconEntry]) -> None:
        count = self._decide(request, queryset, LexiconEntry.State.ACCEPTED)
        text = ngettext(
            "%(count)d word accepted. It takes effect on the next call.",
            "%(count)d words accepted. They take effect on the next call.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @action(description=_("Reject"), icon="close", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[LexiconEntry]) -> None:
        count = self._decide(request, queryset, LexiconEntry.State.REJECTED)
        text = ngettext(
            "%(count)d word rejected. It is not proposed again.",
            "%(count)d words rejected. They are not proposed again.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[LexiconEntry], state: LexiconEntry.State
    ) -> int:
        decided = queryset.exclude(state=state)
        with transaction.atomic():
            for entry in decided:
                self.log_change(request, entry, [{"changed": {"fields": ["state"]}}])
            decided.update(state=state)
            transaction.on_commit(request_phrases)  # readings shape what was made ahead
        return queryset.count()

    @action(description=_("Propose words"), icon="auto_awesome", permissions=["add"])
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Read the documents of every base, and propose what is new in them."""
        for base in KnowledgeBase.objects.all():
            outcome = propose_for(base)
            text = _("%(base)s: %(added)d new words proposed, %(kept)d were there, %(gone)d withdrawn.")
            values = {
                "base": base.name,
                "added": outcome.added,
                "kept": outcome.kept,
                "gone": outcome.withdrawn,
            }
            self.message_user(request, text % values, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:knowledge_lexiconentry_changelist"))

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def how_it_is(self, entry: LexiconEntry) -> tuple[str, str]:
        return entry.state, entry.get_state_display()

    @admin.display(description=_("times"), ordering="count")
    def times(self, entry: LexiconEntry) -> int:
        return entry.count

    @admin.display(description=_("listen"))
    def listen(self, entry: LexiconEntry) -> SafeString | str:
        if entry.pk is None:
            return "–"
        return format_html(
            '<span class="lexicon-listen" data-audio="{}"><button type="button">{}</button>'
            '<button type="button" data-read>{}</button><output></output></span>',
            reverse("admin:knowledge_lexiconentry_audio", args=[entry.pk]),
            _("As written"),
            _("As read"),
        )


async def _say(voice: TTSAdapter, text: str) -> bytes:
    """Return the sound of ``text``, cut as a call cuts it; raises EngineError."""
    return b"".join([await voice.synthesize(clause) for clause in clauses_of(text)])


def _voice_of(base: KnowledgeBase, read: Reader) -> TTSAdapter:
    """Return the voice of an assistant of ``base``, or this machine's own, with ``read`` for its lexicon."""
    assistant = Assistant.objects.filter(knowledge_base=base, is_active=True).first()
    if assistant is None:
        return TTSAdapter(Routes("tts", default_plan().tts, Breakers()), VOICE, read=read)
    voice = make_tts(plan_for(assistant))
    return TTSAdapter(voice.routes, voice.voice, voice.speed, read)
