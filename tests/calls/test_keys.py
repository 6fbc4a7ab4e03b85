"""Keys of the telephone: what they mean alone, together, and in a call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiker.calls.clauses import clauses_of
from aiker.calls.keypad import END_S, MENU_S, MOST_KEYS, Keypad
from aiker.calls.models import Assistant, Call, MenuItem, Turn
from aiker.calls.plan import CallPlan, plan_for
from tests.calls.scripted import ScriptedCall, StandInEngines, play

GREETING, GOODBYE, HOURS = "您好。", "再会。", "我们九点开门，六点关门。"


def test_figures_are_complete_at_the_hash_or_after_a_pause() -> None:
    keypad = Keypad({"1"})
    assert [keypad.press(key) for key in "138#"] == [None, None, None, "138"]
    assert not keypad.typing
    assert [keypad.press(key) for key in "13"] == [None, None]
    assert keypad.wait_s == END_S
    assert keypad.take() == "13"


def test_a_key_of_the_menu_means_itself_sooner() -> None:
    keypad = Keypad({"1", "#"})
    keypad.press("1")
    assert keypad.wait_s == MENU_S
    assert keypad.press("#") == "1"
    assert keypad.press("#") == "#"
    keypad.press("2")
    assert keypad.wait_s == END_S


def test_a_hash_alone_ends_nothing() -> None:
    keypad = Keypad({})
    assert keypad.press("#") is None
    assert not keypad.typing


def test_no_one_types_for_ever() -> None:
    keypad = Keypad({})
    typed = [keypad.press("5") for _ in range(MOST_KEYS)]
    assert typed[-1] == "5" * MOST_KEYS
    assert not keypad.typing


@pytest.fixture
def plan(transactional_db: None) -> CallPlan:  # noqa: ARG001
    anna = Assistant.objects.create(slug="anna", name="安娜", greeting=GREETING, goodbye=GOODBYE)
    for key, action, text in [
        ("1", "say", HOURS),
        ("2", "ask", "会议室多少钱"),
        ("3", "repeat", ""),
        ("9", "hang_up", ""),
    ]:
        MenuItem.objects.create(assistant=anna, key=key, action=action, text=text)
    return plan_for(anna)


Scene = Callable[[ScriptedCall], Coroutine[Any, Any, None]]


def perform(plan: CallPlan, engines: StandInEngines, scene: Scene) -> ScriptedCall:
    calls = []

    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        calls.append(call)
        await call.waits(2)
        await scene(call)
        await call.hangs_up()

    play(scenario)
    return calls[0]


def said(call: ScriptedCall) -> str:
    return "".join(event["text"] for event in call.all("reply_text"))


def questions(engines: StandInEngines) -> list[str]:
    return [prompt[-1]["content"] for prompt in engines.prompts]


def test_a_key_says_its_text_from_the_cache(plan: CallPlan) -> None:
    engines = StandInEngines(voice_fails=True)

    async def scene(call: ScriptedCall) -> None:
        call.presses("1")
        await call.waits(6)

    call = perform(plan, engines, scene)
    assert said(call) == GREETING + HOURS
    turn = Turn.objects.get()
    assert (turn.user_text, turn.heard_text) == ("（按键）1", HOURS)
    assert set(clauses_of(HOURS)) <= set(plan.phrases)  # made ahead


def test_a_key_asks_its_question(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["还有呢"], answers=["一百二。", "没有。"])

    async def scene(call: ScriptedCall) -> None:
        call.presses("2")
        await call.waits(5)
        await call.speaks(1)
        await call.waits(4)

    call = perform(plan, engines, scene)
    assert said(call) == GREETING + "一百二。没有。"
    assert questions(engines) == ["客户问：会议室多少钱", "客户问：还有呢"]
    assert [m["content"] for m in engines.prompts[-1][-3:-1]] == ["客户问：会议室多少钱", "一百二。"]
    assert Turn.objects.first().user_text == "（按键）2"  # type: ignore[union-attr]


def test_a_key_repeats(plan: CallPlan) -> None:
    async def scene(call: ScriptedCall) -> None:
        call.presses("3")
        await call.waits(4)
        call.presses("1")
        await call.waits(6)
        call.presses("3")
        await call.waits(6)

    assert said(perform(plan, StandInEngines(), scene)) == GREETING * 2 + HOURS * 2


def test_a_key_hangs_up(plan: CallPlan) -> None:
    async def scene(call: ScriptedCall) -> None:
        call.presses("9")
        await call.waits(4)
        assert call.closed == 1000

    assert said(perform(plan, StandInEngines(), scene)) == GREETING + GOODBYE
    assert Call.objects.get().end_reason == "goodbye"


@pytest.mark.parametrize("end", ["#", ""], ids=["hash", "pause"])
def test_figures_are_a_turn(plan: CallPlan, end: str) -> None:
    engines = StandInEngines(answers=["查到了。"])

    async def scene(call: ScriptedCall) -> None:
        for key in f"138{end}":  # the first of them is on the menu
            call.presses(key)
            await call.waits(0.5)
        await call.waits(6)

    call = perform(plan, engines, scene)
    assert said(call) == GREETING + "查到了。"
    assert questions(engines) == ["客户问：（按键）138"]
    (turn,) = call.all("turn_finished")
    assert turn["user_text"] == "（按键）138"
    waited = 0 if end else END_S * 1000  # for another key, counted from the last one
    assert waited <= turn["voice_to_voice_ms"] < waited + 500
    assert [event["digit"] for event in call.all("dtmf")] == list(f"138{end}")


def test_typed_figures_are_not_looked_up_in_the_knowledge(plan: CallPlan) -> None:
    class Knowledge:
        async def search(self, question: str, **_: Any) -> Any:
            raise AssertionError(question)

    engines = StandInEngines(answers=["查到了。"], knowledge=Knowledge())

    async def scene(call: ScriptedCall) -> None:
        call.presses("138#")
        await call.waits(4)

    assert said(perform(plan, engines, scene)) == GREETING + "查到了。"


def test_a_key_stops_the_reply_that_plays(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["问"], answers=["一二三四五六七八九十，"])

    async def scene(call: ScriptedCall) -> None:
        await call.speaks(1)
        await call.waits(1.5)
        call.presses("1")
        assert not call.session._speaker.busy
        await call.waits(6)

    call = perform(plan, engines, scene)
    cut, keyed = call.all("turn_finished")
    assert (cut["interrupted"], keyed["heard_text"]) == (True, HOURS)
    assert '{"event":"clear"}' in call.sent


def test_a_key_stops_the_greeting(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(0.3)
        call.presses("1")
        assert not call.session._speaker.busy
        await call.waits(6)
        await call.hangs_up()
        assert call.all("turn_finished")[0]["heard_text"] == HOURS

    play(scenario)


def test_figures_behind_words_are_one_turn_with_them(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["我的订单号是"] * 2, answers=["查到了。"] * 2)

    async def scene(call: ScriptedCall) -> None:
        await call.speaks(1)
        await call.waits(0.3)  # a guess is under way
        for key in "138#":
            call.presses(key)
            await call.waits(0.5)
        await call.waits(6)

    call = perform(plan, engines, scene)
    (turn,) = call.all("turn_finished")
    assert turn["user_text"] == "我的订单号是（按键）138"
    assert said(call) == GREETING + "查到了。"


def test_figures_typed_before_the_answer_are_one_turn_with_the_words(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["我的订单号是"] * 2, answers=["查到了。"] * 2, thinks_s=1.5)

    async def scene(call: ScriptedCall) -> None:
        await call.speaks(1)
        await call.waits(0.8)  # the turn is over, the answer not there
        call.presses("138#")
        await call.waits(6)

    call = perform(plan, engines, scene)
    assert [turn["user_text"] for turn in call.all("turn_finished")] == ["我的订单号是（按键）138"]
    assert said(call) == GREETING + "查到了。"


def test_figures_typed_while_speaking_wait_for_the_words(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["我的订单号是这个"] * 2, answers=["查到了。"] * 2)

    async def scene(call: ScriptedCall) -> None:
        await call.speaks(0.5)
        call.presses("138#")
        await call.speaks(1)
        await call.waits(6)

    call = perform(plan, engines, scene)
    (turn,) = call.all("turn_finished")
    assert turn["user_text"] == "我的订单号是这个（按键）138"


def test_who_types_is_not_asked_whether_they_are_there(plan: CallPlan) -> None:
    async def scene(call: ScriptedCall) -> None:
        await call.waits(7)
        call.presses("1")
        await call.waits(9)

    call = perform(plan, StandInEngines(), scene)
    assert call.all("silence_prompt") == []


def test_a_key_pressed_as_speech_ends_does_not_make_the_call_deaf(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["我的号码是", "我的号码是", "几点开门"], answers=["查到了。", "九点。"])

    async def scene(call: ScriptedCall) -> None:
        await call.speaks(0.5)
        call.presses("12#")
        await call.speaks(0.2)
        call.presses("7")
        await call.waits(8)
        await call.speaks(1)
        await call.waits(4)

    call = perform(plan, engines, scene)
    assert [turn["user_text"] for turn in call.all("turn_finished")] == ["我的号码是（按键）127", "几点开门"]


def test_figures_that_go_on_before_the_answer_are_one_number(plan: CallPlan) -> None:
    engines = StandInEngines(answers=["查到了。"] * 2, thinks_s=3)

    async def scene(call: ScriptedCall) -> None:
        call.presses("1380013")
        await call.waits(END_S + 1)
        call.presses("8000#")
        await call.waits(8)

    call = perform(plan, engines, scene)
    assert [turn["user_text"] for turn in call.all("turn_finished")] == ["（按键）13800138000"]


@pytest.mark.parametrize("sound", ["", "我的号码"], ids=["cough", "words"])
def test_a_sound_before_the_answer_keeps_what_was_typed(plan: CallPlan, sound: str) -> None:
    engines = StandInEngines(hears=[sound] * 2, answers=["查到了。"] * 2, thinks_s=3)

    async def scene(call: ScriptedCall) -> None:
        call.presses("138#")
        await call.waits(1)
        await call.speaks(0.4)
        await call.waits(9)

    call = perform(plan, engines, scene)
    assert [turn["user_text"] for turn in call.all("turn_finished")] == [f"{sound}（按键）138"]
    assert said(call) == GREETING + "查到了。"


def test_another_choice_replaces_the_one_that_is_not_answered_yet(plan: CallPlan) -> None:
    engines = StandInEngines(answers=["一百二。"] * 2, thinks_s=3)

    async def scene(call: ScriptedCall) -> None:
        call.presses("2")
        await call.waits(2)
        call.presses("1")
        await call.waits(8)

    call = perform(plan, engines, scene)
    assert [turn["user_text"] for turn in call.all("turn_finished")] == ["（按键）1"]


def test_a_key_in_the_greeting_ends_it_once(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(0.3)
        call.presses("1")
        await call.waits(6)
        await call.hangs_up()
        assert [event["interrupted"] for event in call.all("phrase_finished")] == [True]

    play(scenario)
