"""lost_before_start: calls that nobody answered are listed with what happened, and count for nothing else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiker.calls import dashboard
from aiker.calls.models import Call
from monitoring.quality.counting import ended_calls

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost() -> Call:
    return Call.objects.create(
        started_at=timezone.now(), wire="twilio", end_reason="refused", end_detail="no valid token"
    )


def test_a_refused_call_is_listed_and_says_why(admin_client: Client, lost: Call) -> None:
    admin_client.cookies["django_language"] = "en"
    listed = admin_client.get(reverse("admin:calls_call_changelist")).content.decode()
    assert "The call was refused" in listed
    page = admin_client.get(reverse("admin:calls_call_change", args=[lost.pk])).content.decode()
    assert "no valid token" in page


def test_a_refused_call_counts_for_nothing(admin_client: Client, lost: Call) -> None:
    page = admin_client.get(reverse("admin:index"))
    assert page.context["calls_today"] == 0
    assert [call.pk for call in dashboard.last_calls()] == [lost.pk]
    assert ended_calls() == []
