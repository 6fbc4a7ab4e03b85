"""The form of a tool, and the form in which its arguments are entered to try it."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from aiker.calls.tools.models import HEADER, SIGNING_KEY, Tool
from aiker.calls.tools.request import OWN_HEADERS
from aiker.calls.tools.schema import argument_problems, no_parameters, parameter_names, with_defaults

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
PREFIX = "argument_"


class SchemaField(forms.JSONField):
    """JSON, indented; an empty field is a tool that needs nothing."""

    widget = UnfoldAdminTextareaWidget(
        attrs={"rows": 8, "spellcheck": "false", "style": "font-family: monospace"}
    )
    default_error_messages = {
        "invalid": _(
            "This is not JSON. Check quotes, commas and brackets; the example below the field is right."
        )
    }

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "" if value == no_parameters() else json.dumps(value, ensure_ascii=False, indent=2)
        return super().prepare_value(value)


class ToolForm(forms.ModelForm):
    """A tool; headers and the key are only written: an empty field keeps what is stored."""

    parameters = SchemaField(required=False)
    headers = forms.CharField(
        label=_("Headers"),
        required=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={
                "rows": 2,
                "spellcheck": "false",
                "autocomplete": "off",
                "placeholder": "Authorization: Bearer ...",
            }
        ),
        help_text=_(
            "One “Name: value” a line, for the login of the other system. Stored encrypted and never shown. "
            "Empty: what is stored stays."
        ),
    )
    signing_key = forms.CharField(
        label=_("Signing key"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "What is sent with POST then carries X-Aiker-Signature, by which the receiver knows it is from "
            "here. Stored encrypted and never shown. Empty: what is stored stays."
        ),
    )
    forget = forms.BooleanField(
        label=_("Remove the stored headers and key"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = Tool
        fields = [
            "name", "slug", "kind", "is_active", "assistants", "phrases", "ask_model", "description",
            "parameters", "confirm", "progress", "answer", "failure", "target", "url", "method", "timeout_s",
        ]  # fmt: skip
        widgets = {
            "assistants": UnfoldAdminCheckboxSelectMultipleWidget,
            "phrases": UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = Tool._meta.get_field("parameters")
        self.fields["parameters"].label = capfirst(about.verbose_name)
        self.fields["parameters"].help_text = about.help_text

    def clean_headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in self.cleaned_data["headers"].splitlines():
            if not line.strip():
                continue
            name, colon, value = line.partition(":")
            name, value = name.strip(), value.strip()
            if (
                not colon
                or not _HEADER_NAME.fullmatch(name)
                or not value.isascii()
                or not value.isprintable()
            ):
                # The line itself may hold a key: it is not repeated.
                raise forms.ValidationError(_("Each line must be “Name: value”, in plain ASCII."))
            if name.lower() in OWN_HEADERS:
                raise forms.ValidationError(_("%(name)s is set by Aiker itself."), params={"name": name})
            found[name] = value
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("forget"):
            self.instance.sealed = ""
        given = {HEADER + name: value for name, value in (cleaned.get("headers") or {}).items()}
        if cleaned.get("signing_key"):
            given[SIGNING_KEY] = cleaned["signing_key"]
        if given:
            self.instance.set_secrets(given)
        return cleaned


class ArgumentsForm(forms.Form):
    """One field a parameter; ``arguments`` is what was entered, with each value as the schema wants it."""

    def __init__(self, schema: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._schema = schema
        self.arguments: dict[str, Any] = {}
        for name in schema.get("properties", {}) if parameter_names(schema) else ():
            self.fields[PREFIX + name] = _argument_field(name, schema)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        given = {}
        for name in parameter_names(self._schema):
            value = cleaned.get(PREFIX + name)
            if value not in (None, ""):
                given[name] = _typed(value, self._schema["properties"][name])
        self.arguments = with_defaults(self._schema, given)
        for problem in argument_problems(self._schema, self.arguments):
            name = problem.partition(":")[0]
            self.add_error(PREFIX + name if PREFIX + name in self.fields else None, problem)
        return cleaned


def _argument_field(name: str, schema: dict[str, Any]) -> forms.Field:
    about = schema["properties"][name]
    about = about if isinstance(about, dict) else {}
    common: dict[str, Any] = {
        "label": name,
        "help_text": str(about.get("description", "")),
        "required": name in schema.get("required", []) and "default" not in about,
        "initial": about.get("default"),
    }
    if isinstance(about.get("enum"), list):
        choices = [("", "–"), *((str(value), str(value)) for value in about["enum"])]
        return forms.ChoiceField(**common, choices=choices)
    match about.get("type"):
        case "integer":
            return forms.IntegerField(**common)
        case "number":
            return forms.FloatField(**common)
        case "boolean":
            choices = [("", "–"), ("true", now("yes")), ("false", now("no"))]
            return forms.ChoiceField(**common, choices=choices)
        case "array" | "object":
            return forms.JSONField(**common, widget=forms.Textarea(attrs={"rows": 3}))
    return forms.CharField(**common)


def _typed(value: Any, about: Any) -> Any:
    """Return what a form gave as the schema means it: choices come as text."""
    kind = about.get("type") if isinstance(about, dict) else None
    if isinstance(value, str) and kind in ("boolean", "integer", "number"):
        return json.loads(value)
    return value
