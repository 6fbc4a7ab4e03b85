"""Who is told of which alarm, and when: on a scripted clock, through the sampler's own judgement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from aiker.calls.models import Assistant, Turn
from monitoring import alarms
from monitoring.alarms import acknowledge, measure, watch
from monitoring.models import Alarm, Notification, Recipient, Sample, Target, TurnSample
from monitoring.notifications import SETTLE, announce, remind
from monitoring.objectives import CALM, Measured, Plan, decide
from monitoring.turns import take_up_turns
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
Event, State = Notification.Event, Notification.State


@pytest.fixture
def operator() -> Recipient:
    return Recipient.objects.create(name="值班", channel="email", address="on-call@example.com")


def told() -> list[tuple[str, str]]:
    """Return what was or will be said: (event, metric), the first first."""
    rows = Notification.objects.exclude(state=State.WITHDRAWN).select_related("alarm__target").order_by("pk")
    return [(row.event, row.alarm.target.metric) for row in rows if row.alarm]


def sent() -> None:
    """All that waits has arrived."""
    Notification.objects.filter(state=State.WAITING).update(state=State.SENT)


def gpu(memory_mb: float, at: datetime) -> None:
    """A reading, and the judgement that follows."""
    Sample.objects.create(at=at, host="h", source="machine", values={"gpu_memory_mb|0": memory_mb})
    watch(at)


def breached(at: datetime = NOW) -> Alarm:
    gpu(17000, at)
    return Alarm.objects.get(resolved_at=None)


def cleared(since: datetime) -> datetime:
    """The GPU's memory is freed; returns when its alarm is resolved."""
    at = since
    while Alarm.objects.filter(resolved_at=None).exists():
        at += timedelta(seconds=5)
        gpu(1000, at)
    return at


def test_nobody_to_tell_is_no_notification() -> None:
    breached()
    assert not Notification.objects.exists()


@pytest.mark.usefixtures("operator")
def test_an_alarm_and_its_end_are_told_once_each() -> None:
    alarm = breached()
    row = Notification.objects.get()
    assert (row.event, row.alarm, row.due_at) == (Event.OPENED, alarm, NOW + SETTLE)
    for seconds in (5, 10, 60):
        gpu(17000 + seconds, NOW + timedelta(seconds=seconds))
    assert told() == [("opened", "gpu_memory_mb")]
    sent()
    resolved = cleared(NOW + timedelta(seconds=60))
    assert told() == [("opened", "gpu_memory_mb"), ("resolved", "gpu_memory_mb")]
    assert Notification.objects.get(event=Event.RESOLVED).due_at == resolved + CALM


@pytest.mark.usefixtures("operator")
def test_who_is_not_in_use_is_told_nothing() -> None:
    Recipient.objects.update(is_active=False)
    breached()
    assert told() == []


@pytest.mark.usefixtures("operator")
def test_a_value_to_and_fro_is_not_news() -> None:
    breached()
    sent()
    at = NOW + timedelta(seconds=60)
    for _ in range(4):  # alarms of their own, each resolved before the next
        at = cleared(at)
        at += timedelta(seconds=40)
        breached(at)
        at += timedelta(seconds=35)
    assert Alarm.objects.count() == 5
    assert told() == [("opened", "gpu_memory_mb")]
    cleared(at)
    assert told() == [("opened", "gpu_memory_mb"), ("resolved", "gpu_memory_mb")]


@pytest.mark.usefixtures("operator")
def test_an_alarm_that_is_over_before_it_was_told_is_not_told() -> None:
    alarm = breached()
    alarm.resolved_at = NOW + timedelta(seconds=5)
    alarm.save()
    announce([alarm], NOW + timedelta(seconds=5))
    assert told() == []


@pytest.mark.usefixtures("operator")
def test_one_cause_with_many_consequences_is_one_alarm_and_one_notification() -> None:
    """Recognition is slow: so is voice to voice, and both for each of three assistants and a profile."""
    for slug in ("anna", "bo", "chen"):
        Assistant.objects.get_or_create(slug=slug, defaults={"name": slug})
        for metric in ("stt", "total"):
            threshold = 500 if metric == "stt" else 2000
            Target.objects.create(metric=metric, scope=f"assistant:{slug}", threshold=threshold)
            Target.objects.get_or_create(
                metric=metric, scope="profile:fast", percentile=95, defaults={"threshold": threshold}
            )
    # The whole is over its target some seconds before there are enough turns to see the cause of it.
    Target.objects.filter(metric="stt").update(min_count=9)
    make_turns([2900] * 5, NOW - timedelta(seconds=10), profile="fast")
    take_up_turns()
    watch(NOW)
    assert [alarm.target.metric for alarm in Alarm.objects.filter(resolved_at=None)] == ["total"]
    make_turns([2900] * 9, NOW - timedelta(seconds=9), profile="fast")
    take_up_turns()
    for seconds in (5, 10, 15, 20):
        watch(NOW + timedelta(seconds=seconds))
    (alarm,) = Alarm.objects.filter(resolved_at=None)
    assert (alarm.target.metric, alarm.target.scope) == ("stt", "")
    # Of the targets of anna and of the profile; there were no turns of the others.
    assert len(alarm.consequences) == 5
    assert told() == [("opened", "stt")]


@pytest.mark.usefixtures("operator")
def test_an_alarm_whose_cause_is_found_late_is_told_to_be_over_with_the_cause() -> None:
    Target.objects.filter(metric="stt").update(min_count=9)
    make_turns([2900] * 5, NOW - timedelta(seconds=10))
    take_up_turns()
    watch(NOW)
    sent()
    make_turns([2900] * 9, NOW + timedelta(seconds=20))
    take_up_turns()
    watch(NOW + timedelta(seconds=40))
    assert told() == [("opened", "total"), ("resolved", "total"), ("opened", "stt")]
    over = Notification.objects.get(event=Event.RESOLVED)
    assert over.cause == Alarm.objects.get(target__metric="stt")
    assert over.due_at == NOW + timedelta(seconds=40) + CALM  # it may come back as an alarm of its own


def turns(at: datetime, stt_ms: int, total_ms: int) -> None:
    TurnSample.objects.bulk_create(
        TurnSample(call_id=uuid4(), number=n, at=at, total_ms=total_ms, shares={"stt": stt_ms})
        for n in range(3)
    )


@pytest.mark.usefixtures("operator")
def test_a_cause_that_hovers_at_its_threshold_is_one_alarm() -> None:
    """The whole is always over its target, recognition every other half minute."""
    Target.objects.filter(metric__in=["stt", "total"]).update(window_s=10)
    for second in range(0, 600, 5):
        at = NOW + timedelta(seconds=second)
        turns(at, 520 if second // 30 % 2 == 0 else 490, 2500)
        watch(at)
        sent()
    assert Alarm.objects.get().target.metric == "stt"
    assert told() == [("opened", "stt")]


@pytest.mark.usefixtures("operator")
def test_a_cause_and_a_consequence_that_take_turns_are_told_once_each() -> None:
    """Half a minute each: recognition is over its target, nothing is, the whole is for another reason."""
    Target.objects.filter(metric__in=["stt", "total"]).update(window_s=10)
    for second in range(0, 900, 5):
        at = NOW + timedelta(seconds=second)
        turns(at, *[(520, 2500), (300, 1500), (300, 2500)][second // 30 % 3])
        watch(at)
        Notification.objects.filter(state=State.WAITING, due_at__lte=at).update(state=State.SENT)
    Notification.objects.filter(state=State.WAITING).delete()
    assert told() == [("opened", "stt"), ("opened", "total")]


@pytest.mark.usefixtures("operator")
def test_an_alarm_without_values_is_not_told_to_be_all_clear() -> None:
    breached()
    sent()
    for second in range(5, 60, 5):  # the sampler reads the GPU no more
        watch(NOW + timedelta(seconds=second))
    alarm = Alarm.objects.get()
    assert (alarm.state, alarm.resolved_at) == ("unmeasured", NOW + timedelta(seconds=45))
    assert told() == [("opened", "gpu_memory_mb"), ("unmeasured", "gpu_memory_mb")]
    breached(NOW + timedelta(seconds=60))  # it was not over: nobody hears that it was
    assert told() == [("opened", "gpu_memory_mb")]


@pytest.mark.usefixtures("operator")
def test_no_reminders_of_an_alarm_whose_end_is_known() -> None:
    breached()
    sent()
    for second in range(5, 60, 5):
        watch(NOW + timedelta(seconds=second))
    sent()
    remind(NOW + timedelta(days=1))
    assert told() == [("opened", "gpu_memory_mb"), ("unmeasured", "gpu_memory_mb")]


def test_an_acknowledgement_that_comes_meanwhile_stays(
    monkeypatch: pytest.MonkeyPatch, admin_user: User
) -> None:
    alarm = breached()

    def decide_slowly(*args: Any) -> Plan:
        acknowledge([alarm], admin_user)  # after the alarms were read, before they are written
        return decide(*args)

    monkeypatch.setattr(alarms, "decide", decide_slowly)
    gpu(18000, NOW + timedelta(seconds=5))
    alarm.refresh_from_db()
    assert (alarm.value, alarm.state, alarm.acknowledged_by) == (18000, "acknowledged", admin_user)


@pytest.mark.usefixtures("operator")
def test_an_engine_that_is_down_is_the_cause_of_turns_that_fail() -> None:
    call = make_turns([None] * 4, NOW - timedelta(seconds=20))
    Turn.objects.filter(call=call, number__lte=3).update(error={"stage": "stt", "code": "unreachable"})
    take_up_turns()
    watch(NOW)
    assert [(alarm.target.metric, alarm.value) for alarm in Alarm.objects.all()] == [("failed_percent", 75)]
    at = NOW + timedelta(seconds=5)
    Sample.objects.create(at=at, host="h", source="machine", values={"engine_down": 1.0})
    watch(at)
    alarm = Alarm.objects.get(resolved_at=None)
    assert (alarm.target.metric, alarm.consequences) == ("engine_down", [["failed_percent", ""]])
    assert told() == [("opened", "engine_down")]


def test_too_many_answers_that_the_guard_stopped_raise_an_alarm() -> None:
    call = make_turns([1500] * 10, NOW - timedelta(seconds=20))
    stopped = {"guard": {"stopped": [{"clause": "可以，", "kind": "yes_no", "claim": "yes: 退款"}]}}
    Turn.objects.filter(call=call, number__lte=3).update(retrieval=stopped)
    take_up_turns()
    watch(NOW)
    assert [(alarm.target.metric, alarm.value) for alarm in Alarm.objects.all()] == [("stopped_percent", 30)]


def test_turns_that_were_answered_have_not_failed() -> None:
    make_turns([1500] * 9 + [None], NOW - timedelta(seconds=20))
    take_up_turns()
    watch(NOW)
    assert measure(Target.objects.get(metric="failed_percent"), NOW) == Measured(0, 10)


@pytest.mark.parametrize(
    ("metric", "scope", "value"),
    [
        ("engine_queue", "engine:whisper-base", 2),
        ("engine_queue", "engine:kokoro", 7),
        ("engine_queue", "host:gpu-1", 7),
        ("engine_queue", "host:gpu-2", None),
        ("engine_queue", "", 7),
        ("stt", "assistant:anna", 500),
        ("stt", "assistant:bo", None),
        ("stt", "anna", None),
        ("stt", "助手:anna", None),
        ("stt", "host:gpu-1", None),
        ("cpu_percent", "engine:kokoro", None),
    ],
)
def test_only_what_is_of_the_scope_is_measured(metric: str, scope: str, value: float | None) -> None:
    values = {"engine_queue|stt|whisper-base": 2.0, "engine_queue|tts|kokoro": 7.0, "cpu_percent": 50.0}
    Sample.objects.create(at=NOW, host="gpu-1", source="machine", values=values)
    make_turns([2000] * 3, NOW - timedelta(seconds=20))
    take_up_turns()
    target = Target(metric=metric, scope=scope, percentile=100, threshold=1, window_s=60)
    assert measure(target, NOW).value == value


def test_reminders_until_somebody_acknowledges(operator: Recipient, admin_user: object) -> None:
    operator.remind_minutes = 60
    operator.save()
    alarm = breached()
    sent()
    for minutes in range(5, 150, 5):
        gpu(17000, NOW + timedelta(minutes=minutes))
        sent()
    assert told() == [("opened", "gpu_memory_mb"), *[("reminder", "gpu_memory_mb")] * 2]
    acknowledge([alarm], admin_user)
    for minutes in range(150, 300, 5):
        gpu(17000, NOW + timedelta(minutes=minutes))
    assert len(told()) == 3
    sent()
    cleared(NOW + timedelta(minutes=300))
    assert told()[-1] == ("resolved", "gpu_memory_mb")  # who was told of it hears of its end


def test_no_reminders_for_who_wants_none(operator: Recipient) -> None:
    operator.remind_minutes = None
    operator.save()
    breached()
    sent()
    gpu(17000, NOW + timedelta(days=2))
    assert len(told()) == 1
