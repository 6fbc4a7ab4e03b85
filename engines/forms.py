"""The form of an engine, built from its backend's parameters."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from engines.models import BackendProfile, EngineConfig, StageChoice
from engines.publishing import BudgetError, check_edit
from engines.registry import BackendSpec, backends

PREFIX = "parameter_"
WIDGETS = {"name": UnfoldAdminTextInputWidget, "slug": UnfoldAdminTextInputWidget}
HOW_TO_EXCEED = _(
    "Calls use this profile. To exceed the budget, change a copy and publish that with an override."
)


def backend_choices() -> list[tuple[str, str]]:
    return [(spec.name, f"{StageChoice(spec.stage).label} · {gettext(spec.label)}") for spec in backends()]


class NewEngineForm(forms.ModelForm):
    """The first step: which backend. Its parameters are asked for on the next page."""

    backend = forms.ChoiceField(label=_("backend"), choices=backend_choices, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = EngineConfig
        fields = ["name", "slug", "backend"]
        widgets = WIDGETS

    def _post_clean(self) -> None:
        # Parameters are still to come; the model's ``clean`` would miss them.
        self.instance.backend = self.cleaned_data.get("backend", "")
        if self.instance.backend:
            self.instance.stage = self.instance.spec.stage
        for name in ("name", "slug"):
            setattr(self.instance, name, self.cleaned_data.get(name, ""))
        self.validate_unique()


class EngineForm(forms.ModelForm):
    """An engine with one field a parameter; a secret is only written, an empty one keeps what is stored."""

    class Meta:
        model = EngineConfig
        fields = ["name", "slug"]
        widgets = WIDGETS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.instance.spec.parameters.model_fields.items():
            given = self.instance.parameters.get(name, None if field.is_required() else field.default)
            self.fields[PREFIX + name] = form_field(name, field, given)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        spec = self.instance.spec
        given = {
            name: cleaned.get(PREFIX + name)
            for name in spec.parameters.model_fields
            if cleaned.get(PREFIX + name) not in (None, "")
        }
        self.instance.set_secrets({name: given.pop(name) for name in spec.secrets if name in given})
        self.instance.parameters = given
        self._check_budget()
        return cleaned

    def _check_budget(self) -> None:
        for profile in BackendProfile.objects.filter(routes__engine=self.instance, is_published=True):
            engines = [route.engine for route in profile.routes.select_related("engine")]
            edited = [self.instance if engine == self.instance else engine for engine in engines]
            try:
                check_edit(profile, edited)
            except BudgetError as exc:
                self.add_error(None, f"{exc} {HOW_TO_EXCEED}")


class RouteFormSet(forms.BaseInlineFormSet):
    """The engines of a profile; those of a published one must fit into the budget."""

    def clean(self) -> None:
        super().clean()
        kept = [form.cleaned_data for form in self.forms if getattr(form, "cleaned_data", None)]
        engines = [data["engine"] for data in kept if "engine" in data and not data.get("DELETE")]
        try:
            check_edit(self.instance, engines)
        except BudgetError as exc:
            raise forms.ValidationError(f"{exc} {HOW_TO_EXCEED}") from exc


def form_field(name: str, field: FieldInfo, given: Any) -> forms.Field:
    """Return the form field of one parameter with its present value."""
    common: dict[str, Any] = {
        "label": gettext(field.title or name),
        "help_text": gettext(field.description) if field.description else "",
        "required": field.is_required(),
        "initial": given,
    }
    kind = field.annotation
    if kind is SecretStr:
        help_text = _("Stored encrypted and never shown. Empty: what is stored stays.")
        return forms.CharField(
            **common | {"initial": None, "required": False, "help_text": help_text},
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        )
    if get_origin(kind) is Literal:
        choices = [(value, value) for value in get_args(kind)]
        return forms.ChoiceField(**common, choices=choices, widget=UnfoldAdminSelectWidget)
    if kind is bool:
        return forms.BooleanField(**common | {"required": False}, widget=UnfoldBooleanSwitchWidget)
    if kind is int:
        return forms.IntegerField(**common, widget=UnfoldAdminIntegerFieldWidget)
    if kind is float:
        return forms.FloatField(**common, widget=UnfoldAdminDecimalFieldWidget)
    return forms.CharField(**common, widget=UnfoldAdminTextInputWidget)


def parameter_fields(spec: BackendSpec) -> list[str]:
    return [PREFIX + name for name in spec.parameters.model_fields]
