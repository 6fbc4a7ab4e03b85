"""A call with manners, on a scripted clock: say it again, wait, are you there, goodbye, a late answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from aiker.calls.models import Assistant, Call, Turn
from aiker.calls.plan import CallPlan, plan_for
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

GREETING, STILL_THERE, GOODBYE = "您好。", "在吗？", "再会。"
HOLD, THERE, FILLER, MORE = "不着急。", "在的。", "我看一下。", "稍等。"
ANSWER = "一二三四五六七八九十，"


@pytest.fixture
def plan() -> CallPlan:
    anna = Assistant.objects.create(
        slug="anna",
        name="安娜",
        greeting=GREETING,
        silence_prompt=STILL_THERE,
        goodbye=GOODBYE,
        hold_answer=HOLD,
        there_answer=THERE,
        fillers=[FILLER],
    )
    return plan_for(anna)


Scene = Callable[[ScriptedCall], Coroutine[Any, Any, None]]


def perform(plan: CallPlan, engines: StandInEngines, scene: Scene) -> ScriptedCall:
    """Play ``scene`` after the greeting, and hang up."""
    calls = []

    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        calls.append(call)
        await call.waits(2)
        await scene(call)
        await call.hangs_up()

    play(scenario)
    return calls[0]


def said(call: ScriptedCall) -> list[str]:
    return [event["text"] for event in call.all("reply_text")]


def roles(prompt: list[Any]) -> list[str]:
    """The history of a prompt and its question, without the system's words and the examples."""
    return [message["content"] for message in prompt[7:]]


async def says(call: ScriptedCall, then_s: float = 4) -> None:
    await call.speaks(1)
    await call.waits(then_s)


@pytest.mark.parametrize("words", ["你说什么？", "呃你刚说什么来着", "没听清，再说一遍"])
def test_the_last_answer_is_said_again_from_its_audio(plan: CallPlan, words: str) -> None:
    engines = StandInEngines(hears=["几点开门", words, "周日呢"], answers=["九点开门。", "周日休息。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call)
        engines.voice_fails = True  # nothing is synthesised
        await says(call)
        engines.voice_fails = False
        await says(call)

    call = perform(plan, engines, scene)
    assert said(call) == [GREETING, "九点开门。", "九点开门。", "周日休息。"]
    first, second, third = Turn.objects.all()
    assert (second.manner, second.heard_text, second.error) == ("repeat", "九点开门。", {})
    assert (first.manner, third.manner) == ("", "")
    assert roles(engines.prompts[-1]) == ["客户问：几点开门", "九点开门。", "客户问：周日呢"]


def test_what_is_said_again_slower_takes_longer(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["几点开门", "说慢一点"], answers=["九点开门。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call)
        await says(call)

    call = perform(plan, engines, scene)
    lengths = [
        finished["at_ms"] - started["at_ms"]
        for started, finished in zip(call.all("reply_started"), call.all("reply_finished"), strict=True)
    ]
    assert 1.2 < lengths[1] / lengths[0] < 1.3
    assert said(call)[-1] == "九点开门。"


def test_before_any_answer_the_greeting_is_repeated(plan: CallPlan) -> None:
    call = perform(plan, StandInEngines(hears=["什么？"]), says)
    assert said(call) == [GREETING, GREETING]


def test_an_answer_cut_off_in_the_making_is_made_again(plan: CallPlan) -> None:
    # The language model still writes when the caller cuts in, and says nothing twice.
    long = "".join(f"第{chr(0x4E00 + number)}条八个字多，" for number in range(40))
    engines = StandInEngines(hears=["问", "没听清", "还有呢"], answers=[long, "九点开门。", "没有。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call, 1.5)
        await says(call)
        await says(call)

    call = perform(replace(plan, max_answer_seconds=300), engines, scene)
    assert call.all("turn_finished")[0]["interrupted"]
    assert said(call)[-2:] == ["九点开门。", "没有。"]
    assert roles(engines.prompts[1]) == ["客户问：问"]  # asked as if for the first time
    heard_first = call.all("turn_finished")[0]["heard_text"]
    longer = max(heard_first, "九点开门。", key=len)
    assert roles(engines.prompts[2]) == ["客户问：问", longer, "客户问：还有呢"]


def test_an_answer_cut_off_in_the_playing_is_heard_whole_and_so_remembered(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["问", "没听清", "还有呢"], answers=[ANSWER, "没有。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call, 1.5)
        await says(call)
        await says(call)

    call = perform(plan, engines, scene)
    cut, again, _ = call.all("turn_finished")
    assert cut["heard_text"] != ANSWER
    assert again["heard_text"] == ANSWER
    assert roles(engines.prompts[-1]) == ["客户问：问", ANSWER, "客户问：还有呢"]


def test_who_asks_to_wait_is_not_asked_soon_whether_they_are_there(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["等一下，我找一下订单号", "好了"], answers=["请说。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call, 55)
        assert said(call) == [GREETING, HOLD]
        await says(call, 14)  # back to the usual patience

    call = perform(plan, engines, scene)
    assert said(call) == [GREETING, HOLD, "请说。", STILL_THERE]
    assert len(engines.prompts) == 1
    assert roles(engines.prompts[0]) == ["客户问：好了"]  # manners are no history


def test_the_wait_is_not_for_ever(plan: CallPlan) -> None:
    async def scene(call: ScriptedCall) -> None:
        await says(call, 61 + 12)

    call = perform(plan, StandInEngines(hears=["稍等"]), scene)
    assert said(call) == [GREETING, HOLD, STILL_THERE, STILL_THERE]


def test_are_you_there_is_answered_at_once(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["喂？"])
    call = perform(plan, engines, says)
    assert said(call) == [GREETING, THERE]
    assert engines.prompts == []


def test_goodbye_is_answered_and_then_the_call_ends(plan: CallPlan) -> None:
    async def scene(call: ScriptedCall) -> None:
        await says(call)
        assert call.closed == 1000

    call = perform(plan, StandInEngines(hears=["没别的事了，拜拜"]), scene)
    assert said(call) == [GREETING, GOODBYE]
    (ended,) = call.all("call_ended")
    (finished,) = call.all("reply_finished")
    assert ended["reason"] == Call.objects.get().end_reason == "goodbye"
    assert finished["heard"] == GOODBYE


def test_a_caller_who_speaks_during_the_goodbye_is_heard(plan: CallPlan) -> None:
    plan = replace(plan, goodbye=ANSWER)
    engines = StandInEngines(hears=["再见", "对了几点开门"], answers=["九点。"])

    async def scene(call: ScriptedCall) -> None:
        await says(call, 1)
        await says(call)

    call = perform(plan, engines, scene)
    assert said(call)[-1] == "九点。"
    assert call.all("call_ended")[0]["reason"] == "hung_up"


class TestLate:
    """An answer that is late is announced once, and its lateness stays visible."""

    def call(self, plan: CallPlan, engines: StandInEngines, after_s: float = 8) -> ScriptedCall:
        async def scene(call: ScriptedCall) -> None:
            await says(call, after_s)

        return perform(plan, engines, scene)

    def test_a_filler_is_said_and_the_answer_counts(self, plan: CallPlan) -> None:
        engines = StandInEngines(hears=["几点开门", "周日呢"], answers=["九点。", "休息。"], thinks_s=3)

        async def scene(call: ScriptedCall) -> None:
            await says(call, 8)
            await says(call, 8)

        call = perform(plan, engines, scene)
        fillers, turns = call.all("filler"), call.all("turn_finished")
        assert [(event["turn"], event["text"]) for event in fillers] == [(1, FILLER), (2, FILLER)]
        committed = call.all("turn_committed")[0]["at_ms"]
        assert 1800 <= fillers[0]["at_ms"] - committed < 1850
        assert turns[0]["heard_text"] == "九点。"
        shares = {share["name"]: share["ms"] for share in turns[0]["contributions"]}
        assert turns[0]["voice_to_voice_ms"] == sum(shares.values())
        # Said at 1.8 s after the commit for 1 s; the answer was there at 3 s and waited for nothing more.
        assert turns[0]["moments"]["filler"] < turns[0]["moments"]["audible"]
        assert roles(engines.prompts[-1]) == ["客户问：几点开门", "九点。", "客户问：周日呢"]

    def test_the_wait_for_a_filler_is_the_fillers(self, plan: CallPlan) -> None:
        slow = replace(plan, filler_ms=1800, fillers=(FILLER * 4,))
        call = self.call(slow, StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=3))
        (turn,) = call.all("turn_finished")
        shares = {share["name"]: share["ms"] for share in turn["contributions"]}
        # 20 characters of 200 ms from 1.8 s on: until 5.8 s; the answer was there before 3 s.
        assert shares["filler"] > 2500
        assert shares["playout"] < 60
        assert turn["voice_to_voice_ms"] == sum(shares.values())

    def test_an_answer_in_time_needs_none(self, plan: CallPlan) -> None:
        call = self.call(plan, StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=1))
        assert call.all("filler") == []

    def test_never_means_never(self, plan: CallPlan) -> None:
        assistant = Assistant.objects.get(pk=plan.assistant_id)
        assistant.filler_ms = 0
        never = plan_for(assistant)
        assert FILLER not in never.phrases
        call = self.call(never, StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=5))
        assert call.all("filler") == []

    def test_one_that_was_not_made_ahead_is_left_out(self, plan: CallPlan) -> None:
        engines = StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=3, not_cached=[FILLER])
        call = self.call(plan, engines)
        assert call.all("filler") == []
        assert said(call)[-1] == "九点。"

    def test_a_second_filler_is_another_line(self, plan: CallPlan) -> None:
        two = replace(plan, filler_ms=1800, fillers=(FILLER, MORE))
        call = self.call(two, StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=7), after_s=10)
        first, second = call.all("filler")
        assert (first["text"], second["text"]) == (FILLER, MORE)
        # The first takes 1 s; the wait for the second begins behind it.
        assert 2800 <= second["at_ms"] - first["at_ms"] < 2850
        assert said(call)[-1] == "九点。"

    def test_an_answer_that_stays_away_is_apologised_for(self, plan: CallPlan) -> None:
        two = replace(plan, filler_ms=1800, fillers=(FILLER, MORE))
        engines = StandInEngines(hears=["几点关门", "周日呢"], answers=["九点。", "休息。"], thinks_s=14)

        async def scene(call: ScriptedCall) -> None:
            await says(call, 14)
            engines.thinks_s = 0.1
            await says(call, 6)

        call = perform(two, engines, scene)
        assert [event["turn"] for event in call.all("filler")] == [1, 1]
        late, next_turn = call.all("turn_finished")
        assert (late["error"]["stage"], late["error"]["code"]) == ("llm", "late")
        committed = call.all("turn_committed")[0]["at_ms"]
        apology = next(event for event in call.all("reply_text") if event["text"] == plan.apology)
        assert 9000 <= apology["at_ms"] - committed < 9100
        assert next_turn["heard_text"], "the call goes on"

    def test_without_fillers_it_is_given_up_as_well(self, plan: CallPlan) -> None:
        silent = replace(plan, filler_ms=0, fillers=())
        engines = StandInEngines(hears=["几点关门"], answers=["九点。"], thinks_s=14)
        call = self.call(silent, engines, after_s=12)
        assert call.all("filler") == []
        assert said(call)[-1] == plan.apology

    def test_a_noise_is_not_announced(self, plan: CallPlan) -> None:
        call = self.call(plan, StandInEngines(hears=[""]))
        assert call.all("filler") == []

    def test_a_failure_is_apologised_for_after_it(self, plan: CallPlan) -> None:
        down = EngineError("llm", "unreachable", "stand-in")
        call = self.call(plan, StandInEngines(hears=["几点关门"], answers=[down], thinks_s=3))
        assert len(call.all("filler")) == 1
        assert said(call)[-1] == plan.apology

    def test_over_filler_what_is_said_is_a_turn_of_its_own(self, plan: CallPlan) -> None:
        engines = StandInEngines(
            hears=["会议室", "会议室多少钱"], answers=["一百二。", "一百二。"], thinks_s=4
        )

        async def scene(call: ScriptedCall) -> None:
            await says(call, 2.6)
            await says(call, 9)

        call = perform(plan, engines, scene)
        assert '{"event":"clear"}' in call.sent
        first, second = call.all("turn_finished")
        assert (first["user_text"], first["interrupted"], first["heard_text"]) == ("会议室", True, "")
        assert (second["user_text"], second["heard_text"]) == ("会议室多少钱", "一百二。")
