"""Every turn is counted once, and the distributions have the figures of the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiker.calls.models import Assistant, Call, Turn
from monitoring import turns
from monitoring.models import Rollup, TurnSample
from monitoring.rollups import start_of, stretches
from monitoring.sketches import Sketch, merged
from monitoring.turns import take_up_turns

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # in Shanghai


def make_turns(totals: Sequence[int | None], at: datetime = NOON, **of_call: Any) -> Call:
    """Make a call with a turn for each of ``totals``, a second apart; recognition takes a quarter of it."""
    assistant, _ = Assistant.objects.get_or_create(slug="anna", defaults={"name": "安娜"})
    call = Call.objects.create(assistant=assistant, wire="softphone", started_at=at, **of_call)
    for number, total in enumerate(totals, 1):
        stt = (total or 0) // 4
        shares = [
            {"name": "stt", "ms": stt, "owner": "stt"},
            {"name": "playout", "ms": (total or 0) - stt, "owner": "media"},
        ]
        Turn.objects.create(
            call=call,
            number=number,
            at_ms=number * 1000,
            voice_to_voice_ms=total,
            contributions=shares,
            engines={"stt": "whisper-base", "tts": "kokoro-int8"},
            retrieval={"version": "kb-1"},
        )
    return call


def exact(values: list[int], share: float) -> int:
    return sorted(values)[math.floor(share * (len(values) - 1))]


def test_a_turn_is_taken_up_once() -> None:
    make_turns([1500, 1700, None])
    assert [take_up_turns(), take_up_turns()] == [3, 0]
    sample = TurnSample.objects.get(number=2)
    assert (sample.at, sample.assistant, sample.profile, sample.version) == (
        NOON + timedelta(seconds=2),
        "anna",
        "",
        "kb-1",
    )
    assert (sample.total_ms, sample.shares) == (1700, {"stt": 425, "playout": 1275})


def test_a_turn_that_is_seen_late_is_taken_up() -> None:
    call = make_turns([1500, 1600])
    hidden = Turn.objects.get(number=1)
    Turn.objects.filter(pk=hidden.pk).delete()  # as another transaction that is not committed yet
    assert take_up_turns() == 1
    Turn.objects.create(pk=hidden.pk, call=call, number=1, at_ms=1000, voice_to_voice_ms=1500)
    assert take_up_turns() == 1
    (hour,) = stretches(Rollup.Step.HOUR, "", NOON, NOON + timedelta(hours=1), ["total"]).values()
    assert hour["total"].count == 2


def test_many_turns_are_taken_up_in_batches() -> None:
    make_turns([1000 + i for i in range(25)])
    assert [take_up_turns(10) for _ in range(4)] == [10, 10, 5, 0]


@pytest.mark.parametrize(
    "scope", ["", "assistant:anna", "profile:fast", "engine:whisper-base", "version:kb-1"]
)
def test_the_percentiles_of_the_distributions_are_those_of_the_rows(scope: str) -> None:
    totals: list[int | None] = [900 + 37 * (i % 50) for i in range(120)]
    for hour in range(3):
        make_turns(totals, NOON + timedelta(hours=hour), profile="fast")
    while take_up_turns(100):
        pass
    hours = stretches(Rollup.Step.HOUR, scope, NOON, NOON + timedelta(hours=4), ["total", "stt"])
    assert [start.hour for start in hours] == [4, 5, 6]
    day = merged(hour["total"] for hour in hours.values())
    rows = list(Turn.objects.values_list("voice_to_voice_ms", flat=True))
    for share in (0.5, 0.95, 0.99):
        assert day.quantile(share) == pytest.approx(exact(rows, share), rel=0.01)  # type: ignore[arg-type]
    stretch = Rollup.objects.get(step=Rollup.Step.DAY, scope=scope, metric="total")
    assert Sketch.from_bytes(stretch.sketch).to_bytes() == day.to_bytes()
    if scope != "version:kb-1":
        stt = merged(hour["stt"] for hour in hours.values())
        assert stt.quantile(0.95) == pytest.approx(exact([row // 4 for row in rows], 0.95), rel=0.01)  # type: ignore[operator]


def test_another_profile_is_another_scope() -> None:
    make_turns([1000], profile="fast")
    make_turns([2000], NOON + timedelta(minutes=1))
    take_up_turns()
    found = {
        scope: merged(
            s["total"] for s in stretches(3600, scope, NOON, NOON + timedelta(hours=1)).values()
        ).average
        for scope in ("", "profile:fast", f"profile:{turns.OWN_ENGINES}")
    }
    assert found == {"": 1500, "profile:fast": 1000, f"profile:{turns.OWN_ENGINES}": 2000}


def test_numbers_stay_when_a_call_is_deleted() -> None:
    call = make_turns([1500])
    take_up_turns()
    call.delete()
    assert TurnSample.objects.get().total_ms == 1500
    assert take_up_turns() == 0


def test_days_begin_where_the_operator_is() -> None:
    evening = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # half past one of the 21st in Shanghai
    assert start_of(Rollup.Step.DAY, evening) == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    assert start_of(Rollup.Step.HOUR, evening) == datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    assert start_of(Rollup.Step.FIVE_MINUTES, evening + timedelta(minutes=4)) == evening
