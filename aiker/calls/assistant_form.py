"""The form of an assistant, and the rows of its menu."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from aiker.calls.models import Assistant, MenuItem, default_fillers
from knowledge.form_fields import LinesField

LONGEST_FILLER = 30


class AssistantForm(forms.ModelForm):
    fillers = LinesField(
        label=_("while the answer is late"),
        help_text=_("One a line, said in turn, at most one in a turn. Empty: nothing is said."),
        longest=LONGEST_FILLER,
        initial=default_fillers,
    )

    class Meta:
        model = Assistant
        fields = ["fillers"]  # and those of the page

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        usual, hold = data.get("silence_seconds"), data.get("hold_seconds")
        if usual and hold and hold < usual:
            text = gettext("Not shorter than the usual silence before a prompt, %(usual)d s.")
            self.add_error("hold_seconds", text % {"usual": usual})
        return data


class MenuInline(TabularInline):
    """Who may change an assistant may change its menu."""

    model = MenuItem
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
