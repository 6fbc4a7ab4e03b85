"""What is noticed of turns is counted once, and the counts are those of the rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiker.calls.models import Call, Turn
from aiker.calls.small_talk import is_small_talk
from monitoring import tallies
from monitoring.models import CallSample, Finding, Notice, QuestionTally, Retention, Rollup, Tally
from monitoring.quality.counting import ended_calls
from monitoring.quality.noticing import notices
from monitoring.quality.questions import question_key
from monitoring.quality.report import groups, quality_report
from monitoring.retention import remove_old
from monitoring.sampler import Sampler
from monitoring.turns import take_up_turns
from monitoring.windows import CHOICES, Window, chosen
from tests.monitoring.noticed_calls import make_calls, take_up
from tests.monitoring.test_turns import NOON, make_turns

pytestmark = pytest.mark.django_db

SEARCHED = {"version": "kb-1", "audio": "", "verbatim": False}
PASSAGE = [{"key": "a", "title": "t", "text": "x", "score": 0.5}]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"user_text": "停车吗", "retrieval": SEARCHED}, [Notice.NO_PASSAGES]),
        ({"user_text": "停车吗", "retrieval": SEARCHED, "passages": PASSAGE}, []),
        (
            {"user_text": "停车吗", "retrieval": SEARCHED | {"way": "nearest"}, "passages": PASSAGE},
            [Notice.NEAREST],
        ),
        ({"user_text": "谢谢你啊", "retrieval": SEARCHED}, []),
        (
            {"user_text": "停车吗", "retrieval": SEARCHED | {"audio": "engine"}},
            [Notice.NO_PASSAGES, Notice.REFUSED],
        ),
        (
            {
                "user_text": "我的订单",
                "retrieval": SEARCHED | {"audio": "cache"},
                "tools": [{"kind": "lookup"}],
            },
            [Notice.NO_PASSAGES],
        ),
        ({"manner": "slower"}, [Notice.REPEATED]),
        ({"manner": "wait"}, []),
        ({"interrupted": True}, [Notice.INTERRUPTED]),
        ({"routing": {"stt": {"certainty": {"avg_logprob": -0.81, "no_speech_prob": 0.0}}}}, [Notice.UNSURE]),
        ({"routing": {"stt": {"certainty": {"avg_logprob": -0.8, "no_speech_prob": 0.5}}}}, []),
        ({"routing": {"stt": {"engine": "vendor", "skipped": []}}}, []),
        ({"error": {"stage": "stt", "code": "timeout", "message": ""}}, [Notice.APOLOGY]),
        ({"tools": [{"kind": "transfer", "error": {}}]}, [Notice.TRANSFERRED]),
        ({"tools": [{"kind": "transfer", "error": {"code": "host"}}]}, []),
    ],
)
def test_what_is_noticed_of_a_turn(fields: dict[str, Any], expected: list[Notice]) -> None:
    assert notices(Turn(**fields)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("请问套餐一个月多少钱呀", "嗯，一个月套餐多少钱"),
        ("请问会议室多少钱呀", "多少钱一个会意室"),
        ("WiFi密码是什么", "wifi 密码"),
        ("再说一遍。", "再说一遍"),
    ],
)
def test_wordings_of_one_question_are_the_same(one: str, other: str) -> None:
    assert question_key(one) == question_key(other) != ""


def test_other_questions_are_others() -> None:
    keys = [question_key(text) for text in ("停车多少钱", "会议室多少钱", "停车", "", "。")]
    assert len(set(keys)) == 4
    assert keys[-1] == ""


Counted = dict[Notice, int]


def counted_from_rows(chosen_turns: list[Turn]) -> Counted:
    """Count by another way than the sampler's: plain conditions over the rows of calls."""
    last = {
        call.pk: max(turn.number for turn in call.turns.all())
        for call in Call.objects.prefetch_related("turns")
    }
    found: Counter[Notice] = Counter()
    for turn in chosen_turns:
        nothing = turn.retrieval != {} and turn.passages == [] and not is_small_talk(turn.user_text)
        seen = {
            Notice.NO_PASSAGES: nothing,
            Notice.REFUSED: nothing and turn.retrieval["audio"] != "" and turn.tools == [],
            Notice.NEAREST: turn.retrieval.get("way") == "nearest",
            Notice.REPEATED: turn.manner in ("repeat", "slower"),
            Notice.INTERRUPTED: turn.interrupted,
            Notice.UNSURE: turn.routing["stt"].get("certainty", {"avg_logprob": 0})["avg_logprob"] < -0.8,
            Notice.APOLOGY: turn.error != {},
            Notice.TRANSFERRED: any(run["kind"] == "transfer" for run in turn.tools),
            Notice.HUNG_UP: turn.interrupted
            and turn.number == last[turn.call_id]
            and turn.call.end_reason in ("hung_up", "connection_lost"),
        }
        found.update(notice for notice, is_seen in seen.items() if is_seen)
        found[Notice.ANY] += any(seen.values())
    return {notice: found[notice] for notice in Notice}


def turns_of(window: Window, assistant: str) -> list[Turn]:
    return [
        turn
        for turn in Turn.objects.select_related("call__assistant")
        if window.since <= turn.call.started_at + timedelta(milliseconds=turn.at_ms) < window.until
        and (not assistant or (turn.call.assistant and turn.call.assistant.slug == assistant))
    ]


@pytest.mark.parametrize("assistant", ["", "anna"])
@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_the_figures_are_those_of_the_rows(name: str, assistant: str) -> None:
    now = timezone.now()
    make_calls(80, now, every=timedelta(minutes=4) if name == "1h" else timedelta(hours=2))
    take_up()
    window = chosen(name, now)
    turns = turns_of(window, assistant)
    report = quality_report(window, assistant)
    assert report.turns == len(turns) > 20
    assert {each.notice: each.count for each in report.figures} == counted_from_rows(turns)
    searched = sum(turn.retrieval != {} and not is_small_talk(turn.user_text) for turn in turns)
    judged = sum("certainty" in turn.routing["stt"] for turn in turns)
    calls = Call.objects.filter(started_at__gte=window.since)
    of = {each.notice: each.of for each in report.figures}
    assert of[Notice.REFUSED] == searched
    assert of[Notice.NEAREST] == searched
    assert of[Notice.UNSURE] == judged
    assert of[Notice.APOLOGY] == len(turns)
    assert of[Notice.HUNG_UP] == (calls.filter(assistant__slug=assistant) if assistant else calls).count()


@pytest.mark.parametrize("notice", [Notice.ANY, Notice.REFUSED, Notice.REPEATED])
def test_the_groups_are_those_of_the_rows(notice: Notice) -> None:
    now = timezone.now()
    make_calls(60, now)
    take_up()
    window = chosen("24h", now)
    expected: Counter[str] = Counter()
    asked = {}
    for turn in Turn.objects.order_by("call", "number"):
        if not turn.manner:
            asked[turn.call_id] = turn.user_text
        if Finding.objects.filter(turn=turn, notice=notice).exists():
            expected[question_key(asked[turn.call_id])] += 1
    found = groups(window, "", notice)
    assert {group.question: group.count for group in found} == dict(expected)
    assert [group.count for group in found] == sorted(expected.values(), reverse=True)
    for group in found:
        assert {question_key(text) for text in (group.text, *group.wordings)} == {group.question}
        assert all(example.notice == notice for example in group.examples)


def test_what_had_to_be_repeated_is_the_answer_before() -> None:
    call = make_turns([1500, 1500, 1500])
    for number, text, manner in ((1, "停车场收费吗", ""), (2, "再说一遍", "repeat"), (3, "慢一点", "slower")):
        Turn.objects.filter(call=call, number=number).update(user_text=text, manner=manner)
    take_up()
    about = Finding.objects.filter(notice=Notice.REPEATED).values_list("about__user_text", flat=True)
    assert list(about) == ["停车场收费吗"] * 2


def test_calls_and_hanging_up_are_counted_once_and_when_the_call_has_ended() -> None:
    call = make_turns([1500, 1600])
    Turn.objects.filter(call=call, number=2).update(interrupted=True)
    take_up()
    assert not CallSample.objects.exists()
    Call.objects.filter(pk=call.pk).update(end_reason="hung_up", duration_ms=60_000)
    for _ in range(2):
        take_up()
    day = Tally.objects.get(step=Rollup.Step.DAY, scope="").counts
    assert (day["calls"], day["call_ms"], day["hung_up"], day["interrupted"]) == (1, 60_000, 1, 1)
    assert Finding.objects.get(notice=Notice.HUNG_UP).turn == Turn.objects.get(number=2)


def test_a_call_that_ends_long_after_later_ones_is_counted() -> None:
    long = make_turns([1500], NOON - timedelta(hours=4))
    make_turns([1500], end_reason="goodbye")
    take_up()
    Call.objects.filter(pk=long.pk).update(end_reason="time_limit", duration_ms=14_400_000)
    take_up()
    assert CallSample.objects.count() == 2


def test_of_questions_without_number_the_most_asked_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_QUESTIONS", dict.fromkeys(Rollup.Step, 3))
    call = make_turns([1500] * 12)
    texts = ["停车", "停车", "会议室", "会议室", "打印", *(f"问题{letter}" for letter in "abcdefg")]
    for number, text in enumerate(texts, 1):
        Turn.objects.filter(call=call, number=number).update(user_text=text, interrupted=True)
    take_up()
    kept = QuestionTally.objects.filter(step=Rollup.Step.DAY, scope="").values_list("question", flat=True)
    assert len(kept) == 3
    assert {question_key("停车"), question_key("会议室")} < set(kept)

    # The end of the call counts for its last question, which went: there may be too many again then.
    Call.objects.filter(pk=call.pk).update(end_reason="hung_up")
    take_up()
    more = make_turns([1500] * 8)
    for number in range(1, 9):
        Turn.objects.filter(call=more, number=number).update(
            user_text=f"问题{number}{number}", interrupted=True
        )
    take_up()
    assert len(kept.all()) == 3


def test_questions_go_with_their_calls_and_counts_stay() -> None:
    now = timezone.now()
    make_calls(10, now)
    take_up()
    window = chosen("24h", now)
    before = quality_report(window).figures
    assert groups(window, "", Notice.ANY)
    Call.objects.all().delete()
    assert groups(window, "", Notice.ANY) == []
    assert quality_report(window).figures == before
    take_up()
    assert quality_report(window).figures == before


def test_fine_counts_go_soon_and_coarse_ones_by_their_days() -> None:
    now = datetime(2026, 11, 20, 4, tzinfo=UTC)
    for age in (1, 5, 30, 800):
        at = now - timedelta(days=age)
        for step in Rollup.Step:
            Tally.objects.create(step=step, start=at)
            QuestionTally.objects.create(step=step, start=at, question="q")
        CallSample.objects.create(at=at, duration_ms=1)
    Retention.objects.update(days=None)
    Retention.objects.filter(kind__in=["rollups", "turns"]).update(days=400)
    remove_old(now)

    def left(model: Any) -> Counter[int]:
        return Counter(model.objects.values_list("step", flat=True))

    assert left(Tally) == {300: 1, 3600: 3, 86400: 3}
    assert left(QuestionTally) == {300: 1, 3600: 2, 86400: 3}
    assert CallSample.objects.count() == 3


def test_the_newest_call_is_remembered_however_old() -> None:
    make_turns([1500], NOON - timedelta(days=50), end_reason="goodbye")
    take_up()
    Retention.objects.filter(kind="turns").update(days=7)
    remove_old(timezone.now())
    assert ended_calls() == []


def test_a_call_that_ends_while_turns_are_taken_up_waits_for_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = make_turns([1500])

    def then_it_ends() -> int:
        taken = take_up_turns()
        if not Turn.objects.filter(call=call, number=2).exists():
            Turn.objects.create(call=call, number=2, at_ms=9000, interrupted=True)
            Call.objects.filter(pk=call.pk).update(end_reason="hung_up")
        return taken

    monkeypatch.setattr("monitoring.sampler.take_up_turns", then_it_ends)
    sampler = Sampler(gpu_readings=dict, ask_engines=dict)
    for _ in range(2):
        sampler._take_up()
    assert Finding.objects.get(notice=Notice.HUNG_UP).turn.number == 2
