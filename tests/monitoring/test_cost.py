"""What was used and what that costs is what the rows say."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from aiker.calls.models import Call, Turn
from monitoring.cost.energy import energy
from monitoring.cost.report import cost_report
from monitoring.models import Price, Rollup, Sample
from monitoring.resources import close_steps
from monitoring.templatetags.monitoring_extras import amount, money
from monitoring.windows import CHOICES, chosen
from tests.monitoring.noticed_calls import make_calls, take_up

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:monitoring_tally_changelist")
PRICES = {
    "audio_minute": "0.006",
    "prompt_tokens": "0.15",
    "completion_tokens": "0.6",
    "characters": "15",
    "call_minute": "0.07",
}


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def now() -> datetime:
    """Calls of the last hours, prices, and a GPU that took 60 W, then 120 W with another beside it."""
    now = timezone.now()
    make_calls(40, now, every=timedelta(minutes=20))
    take_up()
    Price.objects.all().delete()
    for unit, price in PRICES.items():
        Price.objects.create(offer="Cloud", unit=unit, amount=Decimal(price), currency="USD")
    Price.objects.create(offer="Grid", unit="kwh", amount=Decimal("0.8"))
    samples = [
        Sample(
            at=now - timedelta(minutes=150) + timedelta(seconds=10 * number),
            host="gpu-1",
            source="machine",
            values={"gpu_watts|0": 60.0 if number < 450 else 120.0, "cpu_percent": 5.0}
            | ({"gpu_watts|1": 30.0} if number > 600 else {}),
        )
        for number in range(900)
    ]
    Sample.objects.bulk_create(samples)
    close_steps(now, "gpu-1")
    return now


@pytest.mark.parametrize("assistant", ["", "anna"])
@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_the_figures_are_those_of_the_rows(now: datetime, name: str, assistant: str) -> None:
    window = chosen(name, now)
    calls = [
        call
        for call in Call.objects.select_related("assistant")
        if call.started_at >= window.since and (not assistant or call.assistant.slug == assistant)  # type: ignore[union-attr]
    ]
    turns = [
        turn
        for turn in Turn.objects.select_related("call__assistant")
        if window.since <= turn.call.started_at + timedelta(milliseconds=turn.at_ms) < window.until
        and (not assistant or turn.call.assistant.slug == assistant)  # type: ignore[union-attr]
    ]
    used: dict[str, float] = defaultdict(float)
    for usage in [*(call.usage for call in calls), *(turn.usage for turn in turns)]:
        for engines in usage.values():
            for units in engines.values():
                for unit, part in units.items():
                    used[unit] += part
    minutes = sum(call.duration_ms for call in calls) / 60_000
    report = cost_report(window, assistant)
    assert calls
    assert report.total.calls == len(calls)
    assert report.total.minutes == pytest.approx(minutes)
    assert report.total.usage == pytest.approx(used)
    price = {unit: float(amount) for unit, amount in PRICES.items()}
    cost = (
        used["seconds"] / 60 * price["audio_minute"]
        + used["prompt_tokens"] / 1e6 * price["prompt_tokens"]
        + used["completion_tokens"] / 1e6 * price["completion_tokens"]
        + used["characters"] / 1e6 * price["characters"]
        + minutes * price["call_minute"]
    )
    assert report.total.costs["Cloud"] == pytest.approx(cost)
    for parts in filter(None, (report.days, report.assistants)):
        assert sum(part.minutes for part in parts) == pytest.approx(minutes)
        assert sum(part.costs["Cloud"] for part in parts) == pytest.approx(cost)


@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_electricity_is_that_of_the_samples(now: datetime, name: str) -> None:
    window = chosen(name, now)
    watts = [
        value
        for sample in Sample.objects.filter(at__gte=window.since)
        for key, value in sample.values.items()
        if key.startswith("gpu_watts|")
    ]
    kwh = sum(watts) * 10 / 3600 / 1000
    report = cost_report(window)
    assert sum(amount for _, amount in energy(window)) == pytest.approx(kwh) != 0
    assert report.total.kwh == pytest.approx(kwh)
    assert report.electricity_cost(report.total) == pytest.approx(0.8 * kwh)
    assert sum(day.kwh or 0 for day in report.days) == pytest.approx(kwh)
    shared = sum(used.kwh or 0 for used in report.assistants)
    with_calls = sum(
        amount for start, amount in report.energy if dict(report.points).get(start, {}).get("call_ms")
    )
    assert shared == pytest.approx(with_calls)


def test_electricity_is_still_known_when_the_samples_are_gone(now: datetime) -> None:
    window = chosen("24h", now)
    before = sum(amount for _, amount in energy(window))
    closed = Rollup.objects.filter(step=Rollup.Step.FIVE_MINUTES).order_by("-start")[0].start
    Sample.objects.filter(at__lt=closed + timedelta(minutes=5)).delete()
    assert sum(amount for _, amount in energy(window)) == pytest.approx(before)


def test_a_machine_without_gpu_says_so(admin_client: Client) -> None:
    make_calls(3, timezone.now())
    take_up()
    page = admin_client.get(PAGE).content.decode()
    assert "no GPU told its power" in page
    assert cost_report(chosen("24h", timezone.now())).total.kwh is None


def test_estimates_are_marked(admin_client: Client) -> None:
    make_calls(2, timezone.now())
    usage = {"llm": {"tgi": {"prompt_tokens": 300, "completion_tokens": 100, "estimated_tokens": 400}}}
    Turn.objects.update(usage=usage)
    Call.objects.update(usage={})
    take_up()
    page = admin_client.get(PAGE, {"window": "24h"}).content.decode()
    assert "100.0% of all tokens estimated" in page
    assert "the server does not count" in page


@pytest.mark.usefixtures("now")
def test_operators_read_it(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"window": "24h"}).content.decode()
    for text in ("whisper-base", "qwen2.5-1.5b", "kokoro-int8", "Cloud", "anna", "bo", "USD"):
        assert text in page
    assert page.count("<svg class") == 2
    only = admin_client.get(PAGE, {"window": "24h", "assistant": "anna"}).content.decode()
    assert "its share by the time of calls" in only


def test_an_empty_page_says_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "Nothing was used in this time" in page
    assert "<svg class" not in page


def test_examples_are_marked(admin_client: Client) -> None:
    make_calls(3, timezone.now())
    take_up()
    assert Price.objects.filter(is_example=False).count() == 0
    assert admin_client.get(PAGE).content.decode().count("example prices") == 2
    Price.objects.all().delete()
    assert "No prices are set" in admin_client.get(PAGE).content.decode()


@pytest.mark.parametrize("query", [{"window": "9y"}, {"assistant": "'; drop"}, {"assistant": "\x00"}])
def test_nonsense_in_the_address_shows_the_page(admin_client: Client, query: dict[str, str]) -> None:
    assert admin_client.get(PAGE, query).status_code == 200


def test_it_needs_the_permission(client: Client) -> None:
    user = User.objects.create_user("op", password="x", is_staff=True)
    client.force_login(user)
    prices = reverse("admin:monitoring_price_changelist")
    assert [client.get(PAGE).status_code, client.get(prices).status_code] == [403, 403]
    user.user_permissions.add(Permission.objects.get(codename="view_tally"))
    assert [client.get(PAGE).status_code, client.get(prices).status_code] == [200, 403]


def test_an_offer_has_one_currency_and_one_price_a_unit() -> None:
    Price.objects.create(offer="Cloud", unit="characters", amount=Decimal(15), currency="USD")
    with pytest.raises(ValidationError, match="currency"):
        Price(offer="Cloud", unit="audio_minute", amount=Decimal(1), currency="CNY").full_clean()
    for twice in ({"offer": "Cloud", "unit": "characters"}, {"offer": "Other", "unit": "kwh"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Price.objects.create(amount=Decimal(1), currency="USD", **twice)


@pytest.mark.parametrize(("field", "value"), [("currency", "usd"), ("currency", "¥"), ("amount", "-1")])
def test_a_bad_price_is_refused(admin_client: Client, field: str, value: str) -> None:
    data = {"offer": "Cloud", "unit": "characters", "amount": "15", "currency": "USD", "is_active": "on"}
    page = admin_client.post(reverse("admin:monitoring_price_add"), data | {field: value})
    assert page.context["adminform"].form.errors.keys() == {field}


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(25.295, 1, "25.3"), (1234567, 0, "1,234,567"), (0.9996, 3, "1.000"), (None, 1, "–")],
)
def test_amounts_are_rounded_and_grouped(value: float | None, places: int, text: str) -> None:
    with translation.override("en"):
        assert amount(value, places) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (0.00123, "0.0012"), (12.346, "12.35")])
def test_small_sums_are_not_nothing(value: float, text: str) -> None:
    assert money(value) == text
