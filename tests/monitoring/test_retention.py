"""What is older than it is kept goes, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiker.calls.models import Call, Turn
from monitoring import retention, turns
from monitoring.models import Retention, Rollup, Sample, TurnSample
from monitoring.retention import remove_old
from monitoring.turns import take_up_turns
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


def keep(kind: str, days: int | None) -> None:
    Retention.objects.update(days=None)
    Retention.objects.update_or_create(kind=kind, defaults={"days": days})


def went(now: datetime) -> dict[str, int]:
    """Return what was removed of the kinds that operators choose days for."""
    counts = remove_old(now).counts
    return {kind: count for kind, count in counts.items() if kind in Retention.Kind}


@pytest.fixture
def calls() -> tuple[Call, Call]:
    """A call of a month ago and one of now, both recorded and taken up."""
    made = []
    for age in (30, 0):
        call = make_turns([1500, 1600], NOW - timedelta(days=age, minutes=1))
        call.recording.save(f"{call.pk}.wav", ContentFile(b"RIFF"))
        made.append(call)
    take_up_turns()
    return made[0], made[1]


@pytest.mark.usefixtures("calls")
def test_nothing_goes_without_days() -> None:
    keep("audio", None)
    assert went(NOW) == {}


def test_audio_goes_and_the_call_stays(calls: tuple[Call, Call]) -> None:
    paths = [Path(call.recording.path) for call in calls]
    keep("audio", 7)
    assert went(NOW) == {"audio": 1}
    assert [path.exists() for path in paths] == [False, True]
    assert (Call.objects.count(), Turn.objects.count()) == (2, 4)
    assert went(NOW) == {}


def test_text_goes_with_its_audio_and_the_numbers_stay(calls: tuple[Call, Call]) -> None:
    path = Path(calls[0].recording.path)
    keep("text", 7)
    assert went(NOW) == {"text": 1}
    assert not path.exists()
    assert (Call.objects.get(), TurnSample.objects.count()) == (calls[1], 4)


@pytest.mark.usefixtures("calls")
def test_numbers_go_and_no_turn_is_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("turns", 7)
    assert went(NOW + timedelta(days=100)) == {}  # among the newest hundreds, however old
    monkeypatch.setattr(turns, "OVERLAP", 1)
    assert went(NOW) == {"turns": 2}
    assert take_up_turns() == 0
    assert went(NOW + timedelta(days=100)) == {"turns": 1}
    assert take_up_turns() == 0


def test_no_turn_is_counted_twice_when_the_newest_calls_are_deleted(
    calls: tuple[Call, Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "OVERLAP", 1)
    keep("turns", 7)
    assert went(NOW) == {"turns": 2}
    whole_days = Rollup.objects.filter(step=Rollup.Step.DAY, scope="", metric="total")
    counted = sum(whole_days.values_list("count", flat=True))
    calls[1].delete()
    assert take_up_turns() == 0
    assert sum(whole_days.all().values_list("count", flat=True)) == counted


def test_numbers_of_deleted_calls_go_too(calls: tuple[Call, Call]) -> None:
    calls[0].delete()
    keep("turns", 7)
    assert went(NOW) == {"turns": 2}


def test_samples_and_distributions_go_by_their_own_days() -> None:
    for age in (1, 30, 900):
        at = NOW - timedelta(days=age)
        Sample.objects.create(at=at, host="h", source="machine", values={})
        for step in Rollup.Step:
            Rollup.objects.create(step=step, metric="m", start=at, count=1, sketch=b"")
    keep("samples", 7)
    assert went(NOW) == {"samples": 4}
    keep("rollups", 730)
    assert went(NOW) == {"rollups": 2}
    left = Rollup.objects.values_list("step", flat=True)
    assert sorted(left) == [300, 3600, 3600, 86400, 86400]


@pytest.mark.usefixtures("calls")
def test_events_are_not_read_to_delete_a_call() -> None:
    keep("text", 7)
    with CaptureQueriesContext(connection) as asked:
        assert went(NOW) == {"text": 1}
    assert not [query["sql"] for query in asked if '"calls_call"."events"' in query["sql"]]


def test_it_stops_when_its_time_is_over_and_goes_on_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CALLS", 2)
    at = NOW - timedelta(days=30)
    Call.objects.bulk_create(Call(wire="softphone", started_at=at) for _ in range(9))
    keep("text", 7)
    seconds = iter(range(100))
    removed = remove_old(NOW, 3, lambda: next(seconds))  # each batch takes a second
    assert (removed.counts, removed.is_all, Call.objects.count()) == ({"text": 6}, False, 3)
    assert not remove_old(NOW, 0).is_all
    removed = remove_old(NOW, 3, lambda: 0)
    assert (removed.counts, removed.is_all, Call.objects.count()) == ({"text": 1}, True, 0)
