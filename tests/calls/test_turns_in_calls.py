"""When a turn ends, goes on after all, and what is begun before it is over: calls on a scripted clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings

from aiker.audio import g711
from aiker.calls.models import Assistant, Call
from aiker.calls.plan import CallPlan, plan_for
from engines.adapters.client import Note
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。", apology="抱歉。"))


def waited(call: ScriptedCall, turn: int = 0) -> int:
    """The silence in ms after which a turn was taken for over."""
    return int(call.all("turn_finished")[turn]["moments"]["committed"])


@pytest.mark.parametrize(
    ("heard", "sound", "at_least", "below"),
    [
        ("你们几点开门", 0.98, 250, 300),
        ("你们几点开门", None, 250, 300),
        ("我要订周二", 0.98, 625, 680),
        ("我要订周二", 0.02, 900, 1100),
        ("我想要那个", 0.98, 1500, 1550),
        ("我想问一下那个", 0.98, 3000, 3050),
        ("我订了会议室", 0.98, 2600, 2650),
        ("我的手机号是138", 0.98, 2600, 2650),
    ],
)
def test_words_and_sound_decide_how_long_a_silence_is_waited_for(
    plan: CallPlan, heard: str, sound: float | None, at_least: int, below: int
) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines([heard], ["好的。"], sounds_finished=sound))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(5)
        await call.hangs_up()
        assert at_least <= waited(call) < below

    play(scenario)


def test_a_turn_says_what_ended_it(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(["你们几点开门"], ["九点。"], sounds_finished=0.9871))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()

    play(scenario)
    assert Call.objects.get().turns.get().moments["end_of_turn"] == {
        "silence_ms": 250,
        "words": "finished",
        "sound": 0.987,
        "speculative_runs": 1,
    }


def test_words_that_come_late_end_the_turn_at_once(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(["你们几点开门"], ["九点。"], recognition_s=0.6))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(5)
        await call.hangs_up()
        assert 660 <= waited(call) < 720

    play(scenario)


def test_a_number_in_groups_is_one_turn(plan: CallPlan) -> None:
    groups = ("我的手机号是138", "我的手机号是138 1234", "我的手机号是138 1234 5678")

    async def scenario() -> None:
        engines = StandInEngines([*groups], ["记下了。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        for _ in groups:
            await call.speaks(1)
            await call.waits(2.4)
        await call.waits(9)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert turn["user_text"] == groups[-1]
        assert waited(call) < 300, "with its last digit the number is whole"
        assert turn["heard_text"] == "您报的是幺三八，幺二三四，五六七八，有错请再说一遍，对吗？"
        assert engines.prompts == []

    play(scenario)


def test_the_third_answer_to_a_turn_is_begun_when_the_turn_is_over(plan: CallPlan) -> None:
    said = ("我订了会议室", "我订了会议室今天", "我订了会议室今天下午")

    async def scenario() -> None:
        engines = StandInEngines([*said], ["一。", "二。", "三。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        for _ in said:
            await call.speaks(1)
            await call.waits(0.4)
        await call.waits(4)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert (turn["user_text"], turn["heard_text"]) == (said[-1], "三。")
        assert turn["moments"]["end_of_turn"]["speculative_runs"] == 2
        assert turn["moments"]["first_token"] > turn["moments"]["committed"]
        assert len(engines.prompts) == 3

    play(scenario)


def test_a_machine_over_its_limit_recognises_but_answers_nothing_ahead(
    plan: CallPlan, settings: LazySettings
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"speculation_load": -1.0})

    async def scenario() -> None:
        engines = StandInEngines(["我订了会议室", "我订了会议室想取消可以吗"], ["好。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(0.5)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert turn["moments"]["transcript"] < turn["moments"]["committed"] < turn["moments"]["first_token"]
        assert turn["moments"]["end_of_turn"]["speculative_runs"] == 0
        assert len(engines.prompts) == 1

    play(scenario)


def test_recognition_that_fails_does_not_keep_the_caller_waiting(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines([EngineError("stt", "unreachable", "stand-in")]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(3)
        await call.hangs_up()
        assert waited(call) < 800
        assert call.all("turn_finished")[0]["error"]["stage"] == "stt"

    play(scenario)


def test_an_engine_that_hangs_ends_the_turn_at_the_limit(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(["会议室"], ["好。"], recognition_s=30)
        call = ScriptedCall(replace(plan, longest_pause_ms=1000), engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        (committed,) = call.all("turn_committed")
        assert 1000 <= committed["at_ms"] - call.all("speech_paused")[0]["at_ms"] + 64 < 1100
        await call.hangs_up()

    play(scenario)


async def asks_and_goes_on(plan: CallPlan, after_s: float) -> dict[str, Any]:
    """The caller goes on ``after_s`` after the first sentence; return what there was of each event."""
    engines = StandInEngines(
        ["会议室多少钱", "会议室多少钱一小时", "一小时"], ["两百二十块。", "六十块。", "六十块。"]
    )
    call = ScriptedCall(plan, engines)
    await call.waits(2)
    await call.speaks(1)
    await call.waits(after_s)
    await call.speaks(1)
    await call.waits(5)
    await call.hangs_up()
    return {
        name: call.all(name) for name in ("turn_finished", "turn_reopened", "interrupted", "reply_started")
    } | {"sent": call.sent, "prompts": engines.prompts}


def test_speech_soon_after_the_end_reopens_the_turn_though_the_answer_had_begun(plan: CallPlan) -> None:
    async def scenario() -> None:
        seen = await asks_and_goes_on(plan, 0.7)
        (reopened,) = seen["turn_reopened"]
        assert seen["reply_started"][0]["at_ms"] < reopened["at_ms"], "its first frames went out"
        assert reopened["heard"]
        (turn,) = seen["turn_finished"]
        assert (turn["user_text"], turn["heard_text"]) == ("会议室多少钱一小时", "六十块。")
        assert seen["interrupted"] == []
        assert '{"event":"clear"}' in seen["sent"]
        said_before = [message["content"] for message in seen["prompts"][-1]]
        assert not any(reopened["heard"] in content for content in said_before[1:])

    play(scenario)
    (stored,) = Call.objects.get().turns.all()
    assert stored.number == 1


def test_speech_later_than_that_is_a_barge_in(plan: CallPlan) -> None:
    async def scenario() -> None:
        seen = await asks_and_goes_on(plan, 1.3)
        assert seen["turn_reopened"] == []
        assert [turn["interrupted"] for turn in seen["turn_finished"]] == [True, False]

    play(scenario)


class _Measured(StandInEngines):
    """Hears the same whatever was said, and keeps how many seconds of audio it was given."""

    seconds: list[float]

    async def transcribe(self, mulaw: bytes, note: Note, _expected: str = "") -> str:
        self.seconds.append(len(mulaw) / g711.RATE)
        self.hears = ["会议室多少钱一小时"]
        return await super().transcribe(mulaw, note)


def test_speech_without_end_is_answered_by_its_words_and_the_call_ends(plan: CallPlan) -> None:
    engines = _Measured([], ["六十块。"])
    engines.seconds = []

    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(200)  # a television
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert turn["heard_text"] == "六十块。"
        assert call.all("turn_committed")[0]["at_ms"] == pytest.approx(22_000, abs=200)
        assert call.all("call_ended")[0]["reason"] == "silence"

    play(scenario)
    assert max(engines.seconds) == pytest.approx(20, abs=0.5)
