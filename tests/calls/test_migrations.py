"""What a migration makes of the rows there are."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from aiker.calls.models import Assistant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("before", "after", "longest"), [(600, 250, 1500), (400, 400, 1500), (2500, 2500, 2500)]
)
def test_an_operators_own_silence_outlives_the_new_end_of_turn(before: int, after: int, longest: int) -> None:
    Assistant.objects.create(slug="anna", name="安娜", end_of_turn_ms=before)
    import_module("aiker.calls.migrations.0005_conversation").shorten(apps, None)
    anna = Assistant.objects.get()
    assert (anna.end_of_turn_ms, anna.longest_pause_ms) == (after, longest)
    anna.full_clean(exclude=["profile", "voice_profile", "knowledge_base"])
