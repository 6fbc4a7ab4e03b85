"""The form that asks for a rehearsal: a version, and draft fields of the assistant; empty ones stay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from aiker.calls.models import Assistant
from aiker.calls.rehearsal.drafts import FIELDS, Draft, changes_of, with_changes
from aiker.calls.rehearsal.models import Rehearsal
from engines.models import BackendProfile, VoiceProfile
from engines.profiles import ProfileError
from knowledge.errors import KnowledgeError
from knowledge.models import IndexVersion

LIVE, NOW = "", "now"


class RehearsalForm(forms.ModelForm):
    """``chosen_version`` is the id of one, ``now`` for the documents as they are, empty for the live one."""

    chosen_version = forms.ChoiceField(label=_("knowledge"), required=False, widget=UnfoldAdminSelectWidget)
    system_prompt = forms.CharField(
        label=_("instructions"), required=False, widget=UnfoldAdminTextareaWidget, max_length=4000
    )
    voice = forms.CharField(
        label=_("voice"), required=False, widget=UnfoldAdminTextInputWidget, max_length=80
    )
    voice_profile = forms.ModelChoiceField(
        VoiceProfile.objects.exclude(published=""),
        label=_("published voice"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    speed = forms.FloatField(
        label=_("speaking speed"),
        required=False,
        min_value=0.5,
        max_value=2.0,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    profile = forms.ModelChoiceField(
        BackendProfile.objects.filter(is_published=True),
        label=_("engine profile"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Empty: the engines of this machine. Takes effect on the next call."),
    )
    passages = forms.IntegerField(
        label=_("passages per answer"),
        required=False,
        min_value=1,
        max_value=10,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    no_answer = forms.CharField(
        label=_("when the knowledge has no answer"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )
    hot_words = forms.CharField(
        label=_("hot words"), required=False, max_length=400, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Rehearsal
        fields = ["assistant", "max_questions", "callers", "max_past_turns", "conversations"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.data.get("assistant") or self.initial.get("assistant")
        assistant = assistant_of(asked)
        self.fields["chosen_version"].choices = versions_to_choose(assistant)  # type: ignore[attr-defined]
        self.fields["assistant"].initial = assistant.pk if assistant else None
        if assistant:
            for name in FIELDS:
                self.fields[name].initial = getattr(assistant, name)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if assistant := data.get("assistant"):
            self.instance.changes = changes = self.changes(assistant, data)
            version = chosen(assistant, data.get("chosen_version", LIVE))
            self.instance.version = version
            if not changes and version is None and data.get("chosen_version") != NOW:
                raise ValidationError(_("The draft is the same as what is live."))
            try:
                Draft.of(assistant, version, changes)
            except (ProfileError, KnowledgeError) as exc:
                raise ValidationError(str(exc)) from exc
        return data

    def changes(self, assistant: Assistant, data: dict[str, Any]) -> dict[str, Any]:
        """Return which fields are others than the assistant's."""
        wanted: dict[str, Any] = {}
        for name in FIELDS:
            if name in ("voice_profile", "profile"):
                wanted[name] = data[name].pk if data.get(name) else None
            elif data.get(name):
                value = data[name]
                wanted[name] = value.replace("\r\n", "\n").strip() if isinstance(value, str) else value
        return changes_of(assistant, with_changes(assistant, wanted))


def assistant_of(asked: Any) -> Assistant | None:
    """Return the assistant that was asked for, else the first one that answers calls."""
    rows = Assistant.objects.select_related("knowledge_base__active_version", "profile", "voice_profile")
    if str(asked or "").isdecimal():
        return rows.filter(pk=asked).first()
    return rows.filter(is_active=True).order_by("pk").first()


def versions_to_choose(assistant: Assistant | None) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [(LIVE, _("as it is live")), (NOW, _("the documents as they are now"))]
    if assistant and (base := assistant.knowledge_base):
        ready = base.versions.filter(state=IndexVersion.State.READY).exclude(pk=base.active_version_id or 0)
        found += [(str(v.pk), f"{v.created_at:%Y-%m-%d %H:%M} {v.reason}") for v in ready[:20]]
    return found


def chosen(assistant: Assistant, value: str) -> IndexVersion | None:
    base = assistant.knowledge_base
    if base is None or not value.isdecimal():
        return None
    return base.versions.select_related("base").filter(pk=int(value)).first()
