"""What a caller hears of a bad answer, and what of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from aiker.calls.models import Assistant, Call, Tool
from aiker.calls.plan import CallPlan, plan_for
from engines.adapters.llm_adapter import STALL_S, LLMAdapter
from engines.routing import Served
from knowledge.fusion import Passage
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.model_output.server import writing
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

GREETING, APOLOGY, UNHEARD = "您好。", "抱歉。", "没听清，请再说一遍。"
ENTRY = "会员价99元一个月，可以随时退订。"


@pytest.fixture
def plan() -> CallPlan:
    anna = Assistant.objects.create(
        slug="anna", name="安娜", greeting=GREETING, apology=APOLOGY, unheard_answer=UNHEARD
    )
    return plan_for(anna)


class Knows:
    """Knowledge with one entry."""

    async def search(self, question: str, *, before: str = "", k: int = 3) -> Found:  # noqa: ARG002
        passage = Passage("member", "会员", ENTRY, 0.9, 1, 1)
        return Found((passage,), (passage,), RetrievalResult((passage,), 0.9, "v1"), 0.9)


def asked(plan: CallPlan, *answers: Sequence[str], knowledge: Any = None, tools: Any = None) -> ScriptedCall:
    """Play a call that asks once for each answer of the model, given in tokens."""
    calls: list[ScriptedCall] = []
    engines = StandInEngines(hears=["多少钱"] * 9, answers=[*answers], knowledge=knowledge)  # type: ignore[list-item]

    async def scenario() -> None:
        call = ScriptedCall(replace(plan, tools=tools) if tools else plan, engines)
        calls.append(call)
        await call.waits(2)
        for _ in answers:
            await call.speaks(1)
            await call.waits(8)
        await call.hangs_up()

    play(scenario)
    return calls[0]


def said(call: ScriptedCall) -> list[str]:
    return [event["text"] for event in call.all("reply_text")][1:]


UNSAYABLE = [
    pytest.param(["」"], "empty", id="S8-quote"),
    pytest.param(["😊"], "empty", id="S8-emoji"),
    pytest.param(["…", "…"], "empty", id="S8-dots"),
    pytest.param(["\u200b", "\ufeff"], "empty", id="S8-zero-width"),
    pytest.param(["가격은 ", "구십구 위안", "입니다."], "language", id="S9-hangul"),
    pytest.param(["<think>", "用户在问"], "empty", id="S6-unclosed"),
    pytest.param(['{"name": ', '"search"}'], "empty", id="T-json"),
]


@pytest.mark.parametrize(("answer", "code"), UNSAYABLE)
def test_the_entry_answers_where_the_model_says_nothing(plan: CallPlan, answer: list[str], code: str) -> None:
    call = asked(plan, answer, knowledge=Knows())
    assert "".join(said(call)) == ENTRY
    (turn,) = call.all("turn_finished")
    assert turn["voice_to_voice_ms"] < 2000
    assert turn["heard_text"] == ENTRY
    record = Call.objects.get().turns.get()
    assert (record.error["stage"], record.error["code"]) == ("llm", code)


@pytest.mark.parametrize(("answer", "code"), UNSAYABLE)
def test_without_an_entry_it_is_the_apology(plan: CallPlan, answer: list[str], code: str) -> None:
    call = asked(plan, answer)
    assert said(call) == [APOLOGY]
    ended = call.all("turn_committed")[0]["at_ms"]
    apology = call.all("reply_text")[1]["at_ms"]
    assert apology - ended < 2000
    assert Call.objects.get().turns.get().error["code"] == code


@pytest.mark.parametrize("answer", [["」"], ["😊"], ["<think>", "用户"], ["Извините, ", "не знаю."]])
def test_S8_the_same_in_a_turn_with_tools(plan: CallPlan, answer: list[str]) -> None:
    tool = Tool(
        kind="lookup",
        slug="query_order",
        name="查订单",
        ask_model=True,
        description="查",
        url="https://x.test/",
    )
    call = asked(plan, answer, knowledge=Knows(), tools=(tool.spec(),))
    assert "".join(said(call)) == ENTRY
    assert Call.objects.get().turns.get().error["stage"] == "llm"


def test_S9_half_an_answer_is_completed_by_the_entry(plan: CallPlan) -> None:
    call = asked(plan, ["您好，", "цена ", "99", "元。"], knowledge=Knows())
    assert "".join(said(call)) == f"您好，{ENTRY}"


def test_three_answers_of_nothing_do_not_end_a_call_whose_entries_answer(plan: CallPlan) -> None:
    call = asked(plan, ["」"], ["」"], ["」"], ["价格是99元。"], knowledge=Knows())
    assert said(call)[-1] == "价格是99元。"
    assert call.all("call_ended")[0]["reason"] == "hung_up"


def test_S6_a_thought_is_neither_said_nor_kept_nor_told_to_the_model(plan: CallPlan) -> None:
    call = asked(plan, ["<th", "ink>", "用户在问", "</think>", "99元。"], ["是的。"])
    assert said(call) == ["99元。", "是的。"]
    assert call.engines.prompts[1][-2]["content"] == "99元。"
    assert Call.objects.get().turns.get(number=1).assistant_text == "99元。"


def test_L_a_loop_ends_with_its_third_round(plan: CallPlan) -> None:
    call = asked(plan, ["价格是九十九元，"] * 400)
    assert said(call) == ["价格是九十九元，"] * 2
    turn = Call.objects.get().turns.get()
    assert turn.moments["model_output"] == {"stopped": "repetition"}
    assert turn.error == {}


def test_L_the_longest_answer_is_a_setting(plan: CallPlan) -> None:
    endless = [f"第{number}条，价格是{number}元。" for number in range(1, 500)]
    call = asked(replace(plan, max_answer_seconds=8), endless)
    assert 20 < sum(char.isalnum() for char in "".join(said(call))) <= 36


def test_St_a_stall_in_mid_sentence_is_made_good_by_the_entry(plan: CallPlan) -> None:
    """In real time, with the real client of a real server."""
    calls: list[ScriptedCall] = []

    async def scenario(llm: LLMAdapter) -> None:
        class Stalling(StandInEngines):
            def stream(self, given: Any, note: Any) -> Any:
                return super().stream(given, note) if isinstance(given, str) else llm.stream(given, note)

        call = ScriptedCall(plan, Stalling(hears=["多少钱"], knowledge=Knows()))
        calls.append(call)
        await call.waits(1)
        await call.speaks(0.6)
        await call.waits(10)
        await call.hangs_up()

    with writing(["价格是", "九十", "九元，", 6.0, "另外还有优惠。"]) as llm:
        asyncio.run(scenario(llm))
    call = calls[0]
    assert "".join(said(call)) == f"价格是九十九元，{ENTRY}"
    half, rest = [event["at_ms"] for event in call.all("reply_text")][1:3]
    assert STALL_S * 1000 - 500 < rest - half < STALL_S * 1000 + 1000
    (error,) = call.all("error")
    assert (error["stage"], error["code"]) == ("llm", "timeout")
    assert call.all("turn_finished")[0]["error"]["code"] == "timeout"


class TestUnheard:
    """A caller who spoke and was not understood."""

    def call(
        self, plan: CallPlan, *utterances: float, certainty: dict[str, float] | None = None
    ) -> ScriptedCall:
        calls: list[ScriptedCall] = []

        class Deaf(StandInEngines):
            async def transcribe(self, _mulaw: bytes, note: Any, _expected: str = "") -> str:
                note(Served("stt", "stand-in", certainty=certainty or {}))
                return ""

        async def scenario() -> None:
            call = ScriptedCall(plan, Deaf())
            calls.append(call)
            await call.waits(2)
            for seconds in utterances:
                await call.speaks(seconds)
                await call.waits(5)
            await call.hangs_up()

        play(scenario)
        return calls[0]

    def test_is_asked_again_at_once(self, plan: CallPlan) -> None:
        call = self.call(plan, 1.2)
        assert said(call) == [UNHEARD]
        asked_again = call.all("reply_text")[1]["at_ms"]
        assert asked_again - call.all("turn_committed")[0]["at_ms"] < 1000
        assert call.all("turn_finished") == []

    def test_not_for_a_cough(self, plan: CallPlan) -> None:
        assert said(self.call(plan, 0.4)) == []

    def test_not_for_what_recognition_takes_for_noise(self, plan: CallPlan) -> None:
        assert said(self.call(plan, 0.6, certainty={"no_speech_prob": 0.9})) == []

    def test_speech_of_a_second_is_no_noise_whatever_recognition_takes_it_for(self, plan: CallPlan) -> None:
        assert said(self.call(plan, 1.2, certainty={"no_speech_prob": 0.9})) == [UNHEARD]

    def test_at_most_twice_in_a_row(self, plan: CallPlan) -> None:
        call = self.call(plan, 1.2, 1.2, 1.2, 1.2)
        # And what is not understood does not put off the prompts of a silent call.
        assert said(call) == [UNHEARD] * 2 + [plan.silence_prompt]

    def test_nothing_is_said_where_the_assistant_has_no_words_for_it(self, plan: CallPlan) -> None:
        assert said(self.call(replace(plan, unheard_answer=""), 1.2)) == []
