"""The record of calls over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from aiker.calls.models import Assistant, Call, Turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Call:
    anna = Assistant.objects.create(slug="anna", name="安娜")
    call = Call.objects.create(assistant=anna, wire="twilio", started_at=datetime(2026, 1, 2, tzinfo=UTC))
    Turn.objects.create(call=call, number=1, at_ms=500, user_text="几点开门", voice_to_voice_ms=1200)
    return call


def client_of(username: str, *codenames: str) -> Client:
    user = User.objects.create_user(username)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_a_call_is_given_with_its_turns(call: Call) -> None:
    answer = client_of("reader", "view_call").get("/api/calls/").json()
    assert answer["count"] == 1
    (found,) = answer["results"]
    assert (found["id"], found["assistant"]) == (str(call.pk), "anna")
    assert [(turn["user_text"], turn["voice_to_voice_ms"]) for turn in found["turns"]] == [("几点开门", 1200)]


@pytest.mark.usefixtures("call")
def test_the_list_costs_the_same_for_many_calls(django_assert_max_num_queries: object) -> None:
    for minute in range(30):
        Call.objects.create(wire="twilio", started_at=datetime(2026, 1, 3, 0, minute, tzinfo=UTC))
    client = client_of("reader", "view_call")
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(client.get("/api/calls/").json()["results"]) == 31


def test_without_the_permission_nothing_is_told(call: Call) -> None:
    assert client_of("other").get(f"/api/calls/{call.pk}/").status_code == 403
    assert Client().get(f"/api/calls/{call.pk}/").status_code == 403


def test_a_call_cannot_be_changed_here(call: Call) -> None:
    assert client_of("reader", "view_call").delete(f"/api/calls/{call.pk}/").status_code in (403, 405)
    assert Call.objects.filter(pk=call.pk).exists()
