"""What a caller lives through, on a scripted clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiker.calls.models import Assistant, Call
from aiker.calls.plan import CallPlan, plan_for
from engines.errors import EngineError
from engines.routing import Served, Skipped
from knowledge.fusion import Passage
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

GREETING, APOLOGY, STILL_THERE, GOODBYE = "您好。", "抱歉。", "在吗？", "再见。"
DOWN = EngineError("llm", "unreachable", "stand-in")


@pytest.fixture
def plan() -> CallPlan:
    anna = Assistant.objects.create(
        slug="anna",
        name="安娜",
        greeting=GREETING,
        apology=APOLOGY,
        silence_prompt=STILL_THERE,
        goodbye=GOODBYE,
    )
    return plan_for(anna)


def test_a_question_is_answered_and_recorded(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点开门。"]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert (turn["user_text"], turn["heard_text"], turn["interrupted"]) == (
            "几点开门",
            "九点开门。",
            False,
        )
        assert sum(share["ms"] for share in turn["contributions"]) == turn["voice_to_voice_ms"]
        assert turn["voice_to_voice_ms"] < 900  # speculation hid everything but the wait for the end

    play(scenario)
    call = Call.objects.get()
    assert (call.end_reason, call.turns.get().heard_text, bool(call.recording)) == (
        "hung_up",
        "九点开门。",
        True,
    )


RERANKED = {"reranked": Served("rerank", "second", (Skipped("first", "timeout"),))}


@pytest.mark.parametrize(
    ("outcome", "errors"),
    [(RERANKED, []), ({"rerank_error": EngineError("rerank", "timeout", "stand-in")}, ["rerank"])],
    ids=["done", "failed"],
)
def test_a_turn_records_who_put_its_passages_in_order(
    plan: CallPlan, outcome: dict[str, Any], errors: list[str]
) -> None:
    passage = Passage("hours", "营业时间", "九点开门。", 0.8, 1, 1)

    class Knowledge:
        async def search(self, _query: str, before: str, k: int) -> Found:
            assert (before, k) == ("", plan.passages)
            return Found((passage,), (passage,), RetrievalResult((passage,), 0.8, "v1", **outcome), 0.8)

    async def scenario() -> None:
        engines = StandInEngines(hears=["几点开门"], answers=["九点开门。"], knowledge=Knowledge())
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        assert [event["stage"] for event in call.all("error")] == errors

    play(scenario)
    turn = Call.objects.get().turns.get()
    assert turn.heard_text == "九点开门。"
    assert [found["key"] for found in turn.passages] == ["hours"]
    if errors:
        assert "rerank" not in turn.routing
    else:
        skipped = [{"engine": "first", "why": "timeout"}]
        assert turn.routing["rerank"] == {"engine": "second", "skipped": skipped}


def test_a_guess_is_dropped_when_the_caller_goes_on(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["我想问", "我想问几点开门"], answers=["九点。", "九点开门。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(0.4)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        assert [turn["user_text"] for turn in call.all("turn_finished")] == ["我想问几点开门"]

    play(scenario)


def test_a_barge_in_stops_the_voice_and_keeps_only_what_was_heard(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["问", "等等"], answers=["一二三四五六七八九十，", "好的。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(1.5)
        began = call.all("reply_started")[0]["at_ms"]
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        cut, second = call.all("turn_finished")
        (held,) = call.all("reply_held")
        assert cut["interrupted"]
        assert cut["heard_text"] == "一二三四五六七八九十，"[: (held["at_ms"] - began) // 200]
        assert engines.prompts[-1][-2] == {"role": "assistant", "content": cut["heard_text"]}
        assert not second["interrupted"]
        assert '{"event":"clear"}' in call.sent

    play(scenario)


def test_a_caller_who_goes_on_before_the_answer_is_still_in_the_same_turn(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["会议室", "会议室多少钱"], answers=["一百二。", "一百二。"])
        call = ScriptedCall(replace(plan, end_of_turn_ms=250), engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(0.32)  # the turn is over, the answer not yet ready
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        assert [turn["user_text"] for turn in call.all("turn_finished")] == ["会议室多少钱"]

    play(scenario)


@pytest.mark.parametrize("broken", ["stt", "llm", "tts", "nothing said"])
def test_a_failing_engine_is_apologised_for_within_two_seconds(plan: CallPlan, broken: str) -> None:
    async def scenario() -> None:
        engines = StandInEngines(
            hears=[EngineError("stt", "unreachable", "x") if broken == "stt" else "问"],
            answers=[DOWN if broken == "llm" else "" if broken == "nothing said" else "答。"],
            voice_fails=broken == "tts",
        )
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        apologies = [event for event in call.all("reply_text") if event["text"] == APOLOGY]
        assert [a["at_ms"] - call.all("speech_paused")[0]["at_ms"] < 2000 for a in apologies] == [True]
        await call.hangs_up()
        assert call.all("turn_finished")[0]["error"]["stage"] == (
            "llm" if broken == "nothing said" else broken
        )

    play(scenario)


def test_the_third_failure_in_a_row_ends_the_call_politely(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["问"] * 3, answers=[DOWN] * 3))
        await call.waits(2)
        for _ in range(3):
            await call.speaks(1)
            await call.waits(3)
        await call.waits(5)
        assert call.closed == 1000
        assert call.all("reply_text")[-1]["text"] == GOODBYE
        assert call.all("call_ended")[0]["reason"] == "engine_failure"

    play(scenario)


def test_silence_is_asked_about_twice_and_then_ends_the_call(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(45)
        assert [e["text"] for e in call.all("reply_text")] == [GREETING, STILL_THERE, STILL_THERE, GOODBYE]
        assert call.all("call_ended")[0]["reason"] == "silence"

    play(scenario)


def test_a_cough_is_no_turn(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=[""]))
        await call.waits(2)
        await call.speaks(0.3)
        await call.waits(2)
        await call.hangs_up()
        assert call.all("turn_finished") == []

    play(scenario)


def test_a_call_that_is_too_long_is_ended_with_a_goodbye(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(replace(plan, max_call_seconds=30, silence_seconds=60), StandInEngines())
        await call.waits(33)
        assert call.all("reply_text")[-1]["text"] == GOODBYE
        assert call.all("call_ended")[0]["reason"] == "time_limit"

    play(scenario)
