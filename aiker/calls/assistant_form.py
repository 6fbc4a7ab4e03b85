"""The form of an assistant, and the rows of its menu."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aiker.calls.models import Assistant, MenuAction, MenuItem, default_fillers, default_no_transfer
from aiker.calls.rehearsal.drafts import FIELDS
from aiker.calls.rehearsal.gate import unrehearsed
from aiker.calls.tools.transfer import transfer_of, unkept_offers
from aiker.calls.transfer_requests import offers_transfer
from engines.models import VoiceProfile
from engines.profiles import problems
from engines.voices.choices import voice_choices
from engines.voices.identity import label_of
from knowledge.form_fields import LinesField

LONGEST_FILLER = 30
LONGEST_LINE = 100
NO_TRANSFER_TO_OFFER = _(
    "This offers a transfer to a person, and no transfer is in use. Fill in the number of a transfer tool "
    "under Tools and switch it on, or change the sentence."
)


class VoiceChoiceField(forms.ModelChoiceField):
    """A published voice with what callers hear of it."""

    def label_from_instance(self, voice: VoiceProfile) -> str:
        return f"{voice.name} · {label_of(voice)}"


class AssistantForm(forms.ModelForm):
    fillers = LinesField(
        label=_("while the answer is late"),
        help_text=_("One a line, said in turn, at most two for one answer. Empty: nothing is said."),
        longest=LONGEST_FILLER,
        initial=default_fillers,
    )

    no_transfer = LinesField(
        label=_("asked for a person without a transfer"),
        help_text=Assistant._meta.get_field("no_transfer").help_text,
        longest=LONGEST_LINE,
        initial=default_no_transfer,
    )

    voice = forms.ChoiceField(
        label=capfirst(Assistant._meta.get_field("voice").verbose_name),
        help_text=_(
            "A voice of the speech engine. Takes effect on the next call. The voices of an engine elsewhere "
            "are named on the page of that engine."
        ),
        widget=UnfoldAdminSelectWidget,
        error_messages={"invalid_choice": _("There is no voice “%(value)s”. Choose one of the list.")},
    )

    class Meta:
        model = Assistant
        fields = ["fillers", "no_transfer", "voice"]  # and those of the page

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "voice" in self.fields:  # those who may only look have none
            self._offer_voices()

    def _offer_voices(self) -> None:
        """Offer the voices there are, and the one that is stored even if it is not there any more."""
        field, stored = self.fields["voice"], self.instance.voice
        assert isinstance(field, forms.ChoiceField)
        choices = voice_choices(self.instance.language)
        if stored not in dict(choices):
            choices.append((stored, stored))
        field.choices = choices
        field.initial = stored
        previews = {
            voice.pk: reverse("admin:engines_voiceprofile_audio", args=["preview", voice.pk])
            for voice in VoiceProfile.objects.exclude(published="").exclude(preview="")
        }
        field.widget.attrs |= {
            "data-voice-sample": reverse("admin:calls_assistant_voice_sample"),
            "data-voice-previews": json.dumps(previews),
            "data-listen": gettext("Listen"),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        usual, hold = data.get("silence_seconds"), data.get("hold_seconds")
        if usual and hold and hold < usual:
            text = gettext("Not shorter than the usual silence before a prompt, %(usual)d s.")
            self.add_error("hold_seconds", text % {"usual": usual})
        self._check_profile(data)
        if self.instance.pk and not self.errors:
            self._ask_for_rehearsal(data)
        return data

    def _ask_for_rehearsal(self, data: dict[str, Any]) -> None:
        """Refuse what callers would hear and no rehearsal has passed, where the assistant needs one."""
        stored = Assistant.objects.select_related("knowledge_base__active_version").get(pk=self.instance.pk)
        changed = copy(stored)
        for name in data.keys() & set(FIELDS):
            setattr(changed, name, data[name])
        for name in unrehearsed(stored, changed):
            text = gettext(
                "Rehearse this change first: when it is passed, adopt it on the page of the rehearsal."
            )
            self.add_error(name, text)

    def _check_profile(self, data: dict[str, Any]) -> None:
        """Refuse a profile that is chosen now and cannot answer calls in this language."""
        profile, language = data.get("profile"), data.get("language")
        if profile and language and {"profile", "language"} & set(self.changed_data):
            for problem in problems(profile, frozenset({language})):
                self.add_error("profile", problem)

    def clean_no_transfer(self) -> list[str]:
        lines: list[str] = self.cleaned_data["no_transfer"]
        if not lines:
            raise forms.ValidationError(gettext("A caller who asks for a person must be told something."))
        return lines

    def _post_clean(self) -> None:
        """Refuse a new offer of a transfer that is not there; an old one is only told of (``admin``)."""
        super()._post_clean()  # type: ignore[misc]  # the stubs leave it out
        for name in unkept_offers(self.instance):
            if name in self.fields and (self.instance.pk is None or name in self.changed_data):
                self.add_error(name, NO_TRANSFER_TO_OFFER)


class CopyForm(forms.ModelForm):
    """What a copy is called, and where it is reached."""

    class Meta:
        model = Assistant
        fields = ["name", "slug"]
        widgets = {"name": UnfoldAdminTextInputWidget, "slug": UnfoldAdminTextInputWidget}


class MenuItemForm(forms.ModelForm):
    """A key; what it says must not offer a transfer that is not there."""

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        says = self.cleaned_data.get("action") == MenuAction.SAY and "text" in self.changed_data
        if not says or not offers_transfer(text):
            return text
        assistant = self.instance.assistant if self.instance.assistant_id else Assistant()
        if not transfer_of(assistant):
            raise forms.ValidationError(NO_TRANSFER_TO_OFFER)
        return text


class MenuInline(TabularInline):
    """Who may change an assistant may change its menu."""

    model = MenuItem
    form = MenuItemForm
    extra = 0
    max_num = 12
    hide_title = True
    fields = ["key", "action", "text"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perm("calls.view_assistant") or self.may_change(request)

    def has_add_permission(self, request: HttpRequest, obj: Any) -> bool:  # noqa: ARG002
        return self.may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.may_change(request)

    def may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calls.change_assistant") or request.user.has_perm("calls.add_assistant")
