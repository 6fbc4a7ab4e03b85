"""The page of the latency shows what the rows say."""

from __future__ import annotations

import math
import random
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiker.calls.models import Assistant, Turn
from knowledge.models import IndexVersion, KnowledgeBase
from monitoring.latency_report import HISTOGRAM_MS, latency_report
from monitoring.models import Rollup, TurnSample
from monitoring.turns import take_up_turns
from monitoring.windows import CHOICES, chosen
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:monitoring_turnsample_changelist")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def turns() -> list[int]:
    """Turns of the last hours; returns voice to voice of each."""
    rng = random.Random(1)
    totals = [round(rng.lognormvariate(7.2, 0.4)) for _ in range(200)]
    now = timezone.now()
    for hour in range(10):
        make_turns(
            [*totals[hour * 20 : hour * 20 + 20]], now - timedelta(hours=hour, minutes=5), profile="fast"
        )
    while take_up_turns():
        pass
    return totals


def exact(values: list[int], share: float) -> int:
    return sorted(values)[math.floor(share * (len(values) - 1))]


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_the_figures_are_those_of_the_rows(name: str) -> None:
    window = chosen(name, timezone.now())
    # By another way than the page's: the rows of the calls themselves, and plain sorting.
    rows = [
        turn
        for turn in Turn.objects.select_related("call")
        if turn.call.started_at + timedelta(milliseconds=turn.at_ms) >= window.since
    ]
    totals = [turn.voice_to_voice_ms or 0 for turn in rows]
    report = latency_report(window)
    assert report.total is not None
    assert report.total.count == sum(point.count for point in report.points) == len(totals)
    for percent in (50, 95, 99):
        assert report.total.percentiles[percent] == pytest.approx(exact(totals, percent / 100), rel=0.01)
    assert report.total.average_ms == pytest.approx(sum(totals) / len(totals))
    assert [turn.total_ms for turn in report.slowest] == sorted(totals, reverse=True)[:10]
    over = 100 * sum(total > 2000 for total in totals) / len(totals)
    assert report.over_percent == pytest.approx(over, abs=1.5)
    assert sum(report.histogram) == len(totals)
    for point in report.points:
        # The parts of a bar sum to the average of its turns.
        sketches = [
            t.total_ms or 0
            for t in TurnSample.objects.filter(at__gte=point.start)
            if t.at < point.start + timedelta(seconds=window.step)
        ]
        assert sum(point.shares.values()) == pytest.approx(sum(sketches) / len(sketches))


def test_a_scope_shows_its_own_turns(turns: list[int]) -> None:
    make_turns([9000], timezone.now() - timedelta(minutes=3), profile="slow")
    take_up_turns()
    window = chosen("24h", timezone.now())
    for scope, count, slowest in (
        ("profile:slow", 1, 9000),
        ("profile:fast", len(turns), max(turns)),
        ("engine:kokoro-int8", len(turns) + 1, 9000),
        ("version:kb-1", len(turns) + 1, 9000),
    ):
        report = latency_report(window, scope)
        assert report.total is not None
        assert (report.total.count, report.slowest[0].total_ms) == (count, slowest), scope


def test_operators_read_it(admin_client: Client, turns: list[int]) -> None:
    page = admin_client.get(PAGE, {"window": "24h"}).content.decode()
    slowest = TurnSample.objects.order_by("-total_ms")[0]
    assert reverse("admin:calls_call_change", args=[slowest.call_id]) + f"#turn-{slowest.number}" in page
    assert f">{len(turns)}</p>" in page
    assert "2.00 s <small>(95%)</small>" in page
    assert page.count("<circle") == 3 * Rollup.objects.filter(step=3600, scope="", metric="total").count()
    heights = [float(h) for h in re.findall(r'class="chart-(?:bar|late)"[^>]* height="([\d.]+)"', page)]
    assert len(heights) == len(HISTOGRAM_MS)


def test_an_empty_page_says_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "No answered turns in this time" in page
    assert "<svg class" not in page


@pytest.mark.usefixtures("turns")
def test_what_changed_is_marked(admin_client: Client, admin_user: User) -> None:
    assistant = Assistant.objects.get()
    LogEntry.objects.create(
        user=admin_user,
        content_type=ContentType.objects.get_for_model(Assistant),
        object_id=str(assistant.pk),
        object_repr="<b>安娜</b>",
        action_flag=CHANGE,
    )
    base = KnowledgeBase.objects.create(slug="kb", name="资料")
    IndexVersion.objects.create(
        base=base,
        collection_name="kb-2",
        embedding_model="m",
        activated_at=timezone.now() - timedelta(hours=1),
    )
    page = admin_client.get(PAGE).content.decode()
    assert "“&lt;b&gt;安娜&lt;/b&gt;” was edited" in page
    assert "资料: kb-2 went live" in page
    assert page.count('class="chart-mark"') == 4  # two changes in two charts


def test_a_deleted_call_is_not_linked(admin_client: Client) -> None:
    call = make_turns([1500], timezone.now() - timedelta(minutes=3))
    take_up_turns()
    call.delete()
    page = admin_client.get(PAGE).content.decode()
    assert str(call.pk) not in page
    assert "The call was deleted" in page


@pytest.mark.parametrize("query", [{"window": "9y"}, {"scope": "assistant:'; drop"}, {"scope": "\x00"}])
def test_nonsense_in_the_address_shows_the_page(admin_client: Client, query: dict[str, str]) -> None:
    assert admin_client.get(PAGE, query).status_code == 200


def test_it_needs_the_permission(client: Client) -> None:
    user = User.objects.create_user("op", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_turnsample"))
    assert client.get(PAGE).status_code == 200
