"""What is older than it is kept goes, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from aiker.calls.models import Call, Turn
from monitoring import turns
from monitoring.models import Retention, Rollup, Sample, TurnSample
from monitoring.retention import remove_old
from monitoring.turns import take_up_turns
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


def keep(kind: str, days: int | None) -> None:
    Retention.objects.update(days=None)
    Retention.objects.update_or_create(kind=kind, defaults={"days": days})


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
    assert remove_old(NOW) == {}


def test_audio_goes_and_the_call_stays(calls: tuple[Call, Call]) -> None:
    paths = [Path(call.recording.path) for call in calls]
    keep("audio", 7)
    assert remove_old(NOW) == {"audio": 1}
    assert [path.exists() for path in paths] == [False, True]
    assert (Call.objects.count(), Turn.objects.count()) == (2, 4)
    assert remove_old(NOW) == {}


def test_text_goes_with_its_audio_and_the_numbers_stay(calls: tuple[Call, Call]) -> None:
    path = Path(calls[0].recording.path)
    keep("text", 7)
    assert remove_old(NOW) == {"text": 1}
    assert not path.exists()
    assert (Call.objects.get(), TurnSample.objects.count()) == (calls[1], 4)


@pytest.mark.usefixtures("calls")
def test_numbers_go_and_no_turn_is_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("turns", 7)
    assert remove_old(NOW + timedelta(days=100)) == {}  # among the newest hundreds, however old
    monkeypatch.setattr(turns, "OVERLAP", 1)
    assert remove_old(NOW) == {"turns": 2}
    assert take_up_turns() == 0
    assert remove_old(NOW + timedelta(days=100)) == {"turns": 1}
    assert take_up_turns() == 0


def test_numbers_of_deleted_calls_go_too(calls: tuple[Call, Call]) -> None:
    calls[0].delete()
    keep("turns", 7)
    assert remove_old(NOW) == {"turns": 2}


def test_samples_and_distributions_go_by_their_own_days() -> None:
    for age in (1, 30, 900):
        at = NOW - timedelta(days=age)
        Sample.objects.create(at=at, host="h", source="machine", values={})
        for step in Rollup.Step:
            Rollup.objects.create(step=step, metric="m", start=at, count=1, sketch=b"")
    keep("samples", 7)
    assert remove_old(NOW) == {"samples": 2}
    keep("rollups", 730)
    assert remove_old(NOW) == {"rollups": 2}
    left = Rollup.objects.values_list("step", flat=True)
    assert sorted(left) == [300, 3600, 3600, 86400, 86400]
