"""Error budgets and burn rates, beside figures that are computed from the rows alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiker.calls.models import Turn
from monitoring.error_budget import error_budget
from monitoring.models import Target
from monitoring.turns import take_up_turns
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 4, 25, tzinfo=UTC)


def turns_of_forty_days(now: datetime, seed: int = 3) -> None:
    """Some turns each few hours; more of them slow in the last hours. None is within 5% of a threshold."""
    rng = random.Random(seed)
    for hours in range(0, 40 * 24, 5):
        slow = 0.3 if hours < 6 else 0.04
        totals: list[int | None] = [
            rng.randint(2200, 4000) if rng.random() < slow else rng.randint(700, 1850) for _ in range(8)
        ]
        profile = "fast" if hours % 2 else ""
        make_turns(totals, now - timedelta(hours=hours, minutes=2), profile=profile)
    while take_up_turns():
        pass


def share_over(since: datetime, value: Callable[[Turn], int], threshold: float, profile: str | None) -> float:
    """Return the share of the calls' own rows that are over, by plain counting."""
    found = [
        value(turn)
        for turn in Turn.objects.select_related("call")
        if turn.call.started_at + timedelta(milliseconds=turn.at_ms) >= since
        and profile in (None, turn.call.profile)
    ]
    assert found
    return sum(number > threshold for number in found) / len(found)


def total(turn: Turn) -> int:
    assert turn.voice_to_voice_ms is not None
    return turn.voice_to_voice_ms


def stt(turn: Turn) -> int:
    return next(int(share["ms"]) for share in turn.contributions if share["name"] == "stt")


@pytest.mark.parametrize(
    ("metric", "scope", "profile", "percentile", "threshold", "value"),
    [
        ("total", "", None, 95, 2000, total),
        ("total", "", None, 99, 2000, total),
        ("total", "profile:fast", "fast", 95, 2000, total),
        ("stt", "", None, 90, 500, stt),
    ],
)
def test_they_are_those_of_the_rows(
    metric: str,
    scope: str,
    profile: str | None,
    percentile: int,
    threshold: float,
    value: Callable[[Turn], int],
) -> None:
    turns_of_forty_days(NOW)
    target = Target(metric=metric, scope=scope, percentile=percentile, threshold=threshold)
    budget = error_budget(target, NOW)
    assert budget is not None
    # Days are the operator's, whole ones; the hour is the whole one before and what there is of this one.
    zone = ZoneInfo(settings.TIME_ZONE)
    day = (NOW - timedelta(days=30)).astimezone(zone).replace(hour=0, minute=0, second=0)
    allowed = (100 - percentile) / 100
    used = share_over(day, value, threshold, profile) / allowed
    assert budget.used == pytest.approx(used, rel=1e-9)
    hour = (NOW - timedelta(hours=1)).replace(minute=0)
    if profile is None:
        burning = share_over(hour, value, threshold, profile) / allowed
        assert budget.burn_rate == pytest.approx(burning, rel=1e-9)
        assert budget.burn_rate > 0
    assert budget.used > 0


def test_a_rate_of_one_uses_the_budget_up_in_its_time() -> None:
    """One turn in twenty is slow, always: all that is allowed is used, at the rate that just lasts."""
    for hours in range(0, 30 * 24, 12):
        make_turns([2500, *[1000] * 19], NOW - timedelta(hours=hours, minutes=2))
    while take_up_turns():
        pass
    budget = error_budget(Target.objects.get(metric="total"), NOW)
    assert budget is not None
    assert (budget.used, budget.burn_rate) == (pytest.approx(1.0), pytest.approx(1.0))


def test_without_turns_there_is_no_budget_and_without_turns_now_nothing_burns() -> None:
    target = Target.objects.get(metric="total")
    assert error_budget(target, NOW) is None
    make_turns([2500, 1000], NOW - timedelta(days=3))
    take_up_turns()
    budget = error_budget(target, NOW)
    assert budget is not None
    assert (budget.used, budget.burn_rate) == (pytest.approx(10.0), 0.0)


def test_the_page_shows_them(admin_client: Client) -> None:
    now = timezone.now()
    make_turns([2500, *[1000] * 39], now - timedelta(seconds=50))
    take_up_turns()
    admin_client.cookies["django_language"] = "en"
    page = admin_client.get(reverse("admin:monitoring_target_changelist")).content.decode()
    assert "50% used, burning 0.5×" in page  # one of forty, where one of twenty may be
