"""The prompt that the page makes again is the one that the model was given in the call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiker.calls.call_page.given import asked_in, was_asked
from aiker.calls.call_page.times import times_of
from aiker.calls.call_page.waveform import PEAKS_PER_S, stored_peaks
from aiker.calls.models import Assistant, Call
from aiker.calls.plan import CallPlan, plan_for
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

Scene = Callable[[ScriptedCall], Coroutine[Any, Any, None]]


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", fillers=[]))


def perform(plan: CallPlan, engines: StandInEngines, scene: Scene) -> Call:
    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        await call.waits(3)
        await scene(call)
        await call.hangs_up()

    play(scenario)
    return Call.objects.get()


async def asks(call: ScriptedCall, times: int) -> None:
    for _ in range(times):
        await call.speaks(1)
        await call.waits(5)


def loud(peaks: bytes, at_ms: float) -> tuple[float, float]:
    """Return where the sound begins and ends that there is at a moment, in ms."""
    first = last = int(at_ms * PEAKS_PER_S / 1000)
    assert peaks[first]
    while first and peaks[first - 1]:
        first -= 1
    while last < len(peaks) and peaks[last]:
        last += 1
    return first * 1000 / PEAKS_PER_S, last * 1000 / PEAKS_PER_S


def test_every_prompt_of_a_call_is_made_again_word_for_word(plan: CallPlan) -> None:
    hears = ["日卡多少钱", "周末开门吗", "没听清，再说一遍", "有会议室吗", "等一下", "怎么预订"]
    answers: list[Any] = [
        "日卡八十元。",
        "周末也开门。",
        EngineError("llm", "timeout", "slow"),
        "打电话就行。",
    ]
    engines = StandInEngines(hears=list(hears), answers=answers)
    call = perform(plan, engines, lambda live: asks(live, len(hears)))
    turns = list(call.turns.all())
    asked = [turn for turn in turns if was_asked(turn)]
    assert [turn.user_text for turn in asked] == ["日卡多少钱", "周末开门吗", "有会议室吗", "怎么预订"]
    again = [asked_in(turns, turn.number, plan.apology).messages(plan.system_prompt) for turn in asked]
    assert again == engines.prompts


def test_of_an_answer_that_was_cut_short_the_model_is_told_what_was_heard(plan: CallPlan) -> None:
    engines = StandInEngines(
        hears=["日卡多少钱", "那月卡呢", "那月卡呢"],
        answers=["日卡八十元一天，可以按月买，也可以按年买。", "月卡一千二。"],
    )

    async def scene(live: ScriptedCall) -> None:
        await live.speaks(1)
        await live.waits(2.5)
        await live.speaks(1.5)
        await live.waits(5)

    turns = list(perform(plan, engines, scene).turns.all())
    assert turns[0].interrupted
    assert 0 < len(turns[0].heard_text) < len(turns[0].assistant_text)
    assert asked_in(turns, 2, plan.apology).messages(plan.system_prompt) == engines.prompts[-1]


def test_a_long_call_forgets_as_the_call_did(plan: CallPlan) -> None:
    engines = StandInEngines(hears=[f"问题{n}" for n in range(12)], answers=[f"回答{n}。" for n in range(12)])
    turns = list(perform(plan, engines, lambda live: asks(live, 12)).turns.all())
    again = [asked_in(turns, turn.number, plan.apology).messages(plan.system_prompt) for turn in turns]
    assert again == engines.prompts
    assert len(again[-1]) < len(again[8])


def test_the_stored_zero_is_that_of_the_trace_and_of_the_sound(plan: CallPlan) -> None:
    call = perform(
        plan, StandInEngines(hears=["日卡多少钱"] * 2, answers=["八十元。"] * 2), lambda live: asks(live, 2)
    )
    turns = list(call.turns.all())
    stored = times_of(turns, call.events)
    for turn in turns:
        del turn.moments["speech_end_at"]
    traced = times_of(turns, call.events)
    caller, assistant = stored_peaks(call.recording)
    for turn in turns:
        at, beside = stored[turn.number], traced[turn.number]
        assert at.zero_ms is not None
        assert beside.zero_ms == pytest.approx(at.zero_ms, abs=1)
        # The caller spoke for one second, in steps of 32 ms, and the answer was over before he went on.
        assert at.zero_ms - at.began_ms == pytest.approx(992, abs=40)
        assert at.end_ms is not None
        assert at.zero_ms < at.end_ms < at.zero_ms + 5000
        # And in the recording he falls silent at zero, and the answer is heard when the record says.
        assert loud(caller, at.zero_ms - 400) == pytest.approx((at.began_ms, at.zero_ms), abs=40)
        assert turn.voice_to_voice_ms is not None
        heard = at.zero_ms + turn.voice_to_voice_ms
        assert loud(assistant, heard + 200)[0] == pytest.approx(heard, abs=30)
