"""Conditional fields of the admin: only what a condition reads is bound to Alpine."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from aiker.calls.models import Assistant
from aiker.templatetags.conditional_fields import fields_read

CONDITIONAL = [
    model for model, options in admin.site._registry.items() if getattr(options, "conditional_fields", None)
]


class Bound(HTMLParser):
    """Names of the inputs of a page by whether Alpine holds their values; ``boxes`` are its checkboxes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.bound: set[str] = set()
        self.boxes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("input", "select", "textarea") and any(name.startswith("x-model") for name in found):
            self.bound.add(found["name"])
        if found.get("type") == "checkbox":
            self.boxes.append((found.get("name", ""), found.get("value", "")))


def test_what_is_quoted_in_a_condition_is_no_field() -> None:
    conditions = {"target": "kind == 'transfer'", "note": 'ask_model == true && mode != "kind of"'}
    assert fields_read(conditions) == {"kind", "ask_model", "true", "mode"}


@pytest.mark.django_db
@pytest.mark.parametrize("model", CONDITIONAL, ids=lambda model: model._meta.label)
def test_only_what_a_condition_reads_is_bound(admin_client: Client, model: type) -> None:
    anna = Assistant.objects.create(slug="anna", name="安娜")
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")  # type: ignore[attr-defined]
    found = Bound(admin_client.get(url).content.decode())
    conditions = admin.site._registry[model].conditional_fields  # type: ignore[attr-defined]
    assert found.bound
    assert found.bound <= fields_read(conditions)
    boxes = [value for name, value in found.boxes if name == "assistants"]
    assert boxes in ([], [str(anna.pk)])


def test_there_are_such_forms() -> None:
    assert {model._meta.label for model in CONDITIONAL} >= {"calls.Tool", "monitoring.Recipient"}
