"""What a caller lives through, on a scripted clock."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aiker.calls import records
from aiker.calls.conversation import Conversation
from aiker.calls.events import CallEvent
from aiker.calls.floor import Floor
from aiker.calls.hold import Hold
from aiker.calls.journal import Journal
from aiker.calls.models import Assistant, Call, Turn
from aiker.calls.partials import Partials
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.reply import Reply
from aiker.calls.session import CallSession
from aiker.calls.speaker import Speaker
from engines.errors import EngineError
from engines.routing import Served, Skipped
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import LOUD, TONE_MS, ScriptedCall, StandInEngines, play

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


def test_what_engines_were_used_for_is_kept_with_the_turn_and_the_rest_with_the_call(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点开门。"]))
        usage = call.session._engines.usage
        await call.waits(2)
        usage.add("tts", "kokoro", characters=5)
        await call.speaks(1)
        usage.add("stt", "whisper", seconds=1.2)
        await call.waits(4)
        usage.add("llm", "qwen", prompt_tokens=300)
        await call.hangs_up()
        assert call.all("turn_finished")[0]["usage"]["stt"] == {"whisper": {"seconds": 1.2}}

    play(scenario)
    record = Call.objects.get()
    assert record.turns.get().usage == {
        "tts": {"kokoro": {"characters": 5}},
        "stt": {"whisper": {"seconds": 1.2}},
    }
    assert record.usage == {"llm": {"qwen": {"prompt_tokens": 300}}}


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


def test_a_turn_whose_search_failed_names_its_version(plan: CallPlan) -> None:
    told: list[str] = []

    class Knowledge:
        async def search(self, _query: str, before: str, k: int) -> Found:  # noqa: ARG002
            assert told  # which call it is, before its first search
            error = RetrievalError("retrieval", "index_missing", "stand-in")
            error.index_version = "draft"
            raise error

    async def scenario() -> None:
        engines = StandInEngines(
            hears=["几点开门"],
            answers=["我帮您问。"],
            knowledge=Knowledge(),
            begin_call=lambda call_id, _caller: told.append(call_id),
        )
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()

    play(scenario)
    call = Call.objects.get()
    assert told == [str(call.pk)]
    retrieval = call.turns.get().retrieval
    assert (retrieval["version"], retrieval["failed"]) == ("draft", "index_missing")


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
        engines = StandInEngines(hears=["问", "会议室呢"], answers=["一二三四五六七八九十，", "好的。"])
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


LONG = "一二三四五六七八九十。"


@pytest.mark.parametrize(("sound_s", "said", "outcome"), [(0.3, "嗯", "backchannel"), (0.3, "", "noise")])
def test_a_reply_goes_on_when_the_caller_only_listens(
    plan: CallPlan, sound_s: float, said: str, outcome: str
) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["问", said], answers=[LONG])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(sound_s)
        await call.waits(4)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert (turn["heard_text"], turn["interrupted"]) == (LONG, False)
        (barge_in,) = turn["barge_ins"]
        (resumed,) = call.all("reply_resumed")
        assert (
            (barge_in["outcome"], barge_in["said"])
            == (outcome, said)
            == (resumed["outcome"], resumed["said"])
        )
        assert barge_in["stop_ms"] <= 100
        assert barge_in["held_ms"] == resumed["at_ms"] - call.all("reply_held")[0]["at_ms"]
        assert len(engines.prompts) == 1  # the language model was not asked about it
        assert len(call.all("turn_committed")) == 1
        assert len(call.all("speech_paused")) == 1

    play(scenario)
    assert Call.objects.get().turns.get().barge_ins[0]["outcome"] == outcome


def test_a_click_during_the_reply_does_nothing_at_all(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["问"], answers=[LONG]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(0.032)
        await call.waits(4)
        await call.hangs_up()
        assert call.all("reply_held") == []
        assert call.all("turn_finished")[0]["barge_ins"] == []
        assert '{"event":"clear"}' not in call.sent

    play(scenario)


def test_a_short_noise_is_not_even_recognised(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["问"], answers=[LONG]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(0.1)
        await call.waits(4)
        await call.hangs_up()
        (resumed,) = call.all("reply_resumed")
        assert resumed["held_ms"] < 150
        assert call.all("turn_finished")[0]["heard_text"] == LONG

    play(scenario)


def test_a_few_words_take_the_floor_and_are_recognised_once(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["问", "多少钱"], answers=[LONG, "八十元。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(0.4)
        await call.waits(4)
        await call.hangs_up()
        cut, second = call.all("turn_finished")
        assert cut["interrupted"]
        assert LONG.startswith(cut["heard_text"])
        assert (second["user_text"], second["heard_text"]) == ("多少钱", "八十元。")
        assert engines.hears == []
        assert engines.prompts[-1][-2] == {"role": "assistant", "content": cut["heard_text"]}

    play(scenario)


@pytest.mark.parametrize(("answer", "turns"), [("需要转人工吗？", 2), ("这里写着呢，就在网上。", 1)])
def test_a_yes_into_a_question_answers_it(plan: CallPlan, answer: str, turns: int) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["问", "好的"], answers=[answer, "请稍等。"])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(1.8)
        await call.speaks(0.3)
        await call.waits(6)
        await call.hangs_up()
        assert len(call.all("reply_held")) == 1
        assert len(call.all("turn_finished")) == turns

    play(scenario)


def test_a_cough_into_the_greeting_does_not_cost_the_caller_the_greeting(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(replace(plan, greeting="您好这里是客服。"), StandInEngines(hears=[""]))
        await call.waits(0.6)
        await call.speaks(0.3)
        await call.waits(12)
        assert len(call.all("reply_resumed")) == 1
        assert call.all("turn_finished") == []
        assert call.all("silence_prompt")  # the silence is watched again
        await call.hangs_up()

    play(scenario)


def test_a_recogniser_that_fails_leaves_a_short_sound_for_nothing(plan: CallPlan) -> None:
    async def scenario() -> None:
        broken = EngineError("stt", "unreachable", "stand-in")
        call = ScriptedCall(plan, StandInEngines(hears=["问", broken], answers=[LONG]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(0.3)
        await call.waits(4)
        await call.hangs_up()
        assert call.all("turn_finished")[0]["heard_text"] == LONG
        assert call.all("error") == []

    play(scenario)


def test_a_call_that_ends_while_the_reply_is_held_keeps_what_was_heard(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["问", "嗯"], answers=[LONG]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(2)
        await call.speaks(0.3)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert turn["interrupted"]
        assert 0 < len(turn["heard_text"]) < len(LONG)

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


def test_the_last_words_are_said_to_a_caller_who_speaks_and_nothing_is_answered_behind_them(
    plan: CallPlan,
) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["几点开门"] * 3, answers=["九点。"] * 3)
        call = ScriptedCall(replace(plan, max_call_seconds=5), engines)
        await call.waits(4.5)
        await call.speaks(1)  # over the limit
        await call.waits(4)
        assert call.all("reply_text")[-1]["text"] == GOODBYE
        assert call.all("call_ended")[0]["reason"] == "time_limit"
        assert call.all("turn_finished") == []

    play(scenario)


def test_a_caller_who_speaks_into_the_goodbye_of_a_silence_keeps_the_call(plan: CallPlan) -> None:
    async def scenario() -> None:
        engines = StandInEngines(hears=["喂，我还在"] * 2, answers=["您请说。"])
        call = ScriptedCall(replace(plan, silence_prompts=0, goodbye="感谢您的来电，再见。"), engines)
        while not any(event["text"].endswith("再见。") for event in call.all("reply_text")):
            await call.waits(0.1)
        await call.waits(0.5)
        await call.speaks(1)
        await call.waits(4)
        assert call.all("turn_finished")[0]["heard_text"] == "您请说。"
        assert not call.session.finished
        await call.hangs_up()

    play(scenario)


def test_an_apology_that_had_to_be_made_is_not_said_over_the_caller(
    plan: CallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(_self: Any, _tts: Any, text: str) -> bytes:
        await asyncio.sleep(2)
        return LOUD * len(text) * TONE_MS * 8

    monkeypatch.setattr(StandInEngines, "make", make, raising=False)

    async def scenario() -> None:
        engines = StandInEngines(hears=["几点开门"] * 2, answers=[DOWN, "九点。"], not_cached=[APOLOGY])
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(1)
        await call.speaks(2)  # while it is made
        await call.waits(4)
        await call.hangs_up()
        assert [event["text"] for event in call.all("reply_text")] == [GREETING, "九点。"]

    play(scenario)


@pytest.mark.parametrize("where", ["window", "key", "_on_silence"])
def test_a_bug_ends_its_call(plan: CallPlan, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError(where)

    monkeypatch.setattr(Conversation, where, bug)

    async def scenario() -> None:
        call = ScriptedCall(replace(plan, greeting=""), StandInEngines())
        call.presses("1")
        await call.waits(20)
        assert call.closed == 4500
        assert call.all("call_ended")[0]["reason"] == "internal_error"

    play(scenario)


def test_what_is_lost_of_the_callers_audio_does_not_shift_what_comes(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点。"]))
        await call.waits(2)
        await asyncio.sleep(3)
        call.session.receive(text='{"event": "lost", "ms": 3000}')
        call._audio_ms += 3000  # which the speech detector is given as silence
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()

    play(scenario)
    turn = Turn.objects.get()
    assert turn.at_ms == pytest.approx(5000, abs=100)
    assert turn.voice_to_voice_ms == pytest.approx(turn.recorded_voice_to_voice_ms, abs=60)


def test_a_call_whose_peer_is_gone_is_stored_and_over(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(2)

        async def gone(_: object) -> None:
            raise ConnectionResetError

        call.session._speaker._send = call.session._close = gone
        await call.hangs_up()
        await call.waits(0.1)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    play(scenario)
    call = Call.objects.get()
    assert (call.end_reason, bool(call.recording)) == ("hung_up", True)


def test_a_call_whose_row_is_gone_ends_like_any_other(
    plan: CallPlan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def deleted(*_: object) -> None:
        """Stand for a call that was created, and deleted in the admin since."""

    monkeypatch.setattr(records, "create_call", deleted)

    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(2)
        await call.hangs_up()

    play(scenario)
    assert "NOT STORED finish_call" in caplog.text


def test_a_greeting_is_told_to_be_over_when_it_was_heard_and_when_it_was_cut(plan: CallPlan) -> None:
    async def scenario() -> None:
        heard = ScriptedCall(plan, StandInEngines())
        await heard.waits(2)
        assert [(e["turn"], e["interrupted"]) for e in heard.all("phrase_finished")] == [(None, False)]
        await heard.hangs_up()
        cut = ScriptedCall(plan, StandInEngines(hears=["喂，你好吗", "喂，你好吗"], answers=["好。"] * 3))
        await cut.waits(0.2)
        await cut.speaks(3)
        assert [(e["turn"], e["interrupted"]) for e in cut.all("phrase_finished")] == [(None, True)]
        await cut.hangs_up()

    play(scenario)


def test_what_an_operator_does_is_kept_with_the_call_and_not_told_to_the_caller(plan: CallPlan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines())
        await call.waits(1)
        call.session.note(CallEvent.OPERATOR, action="listen", by="li")
        await call.hangs_up()
        call.session.note(CallEvent.OPERATOR, action="stop_listening", by="li")  # too late to be kept
        assert call.all("operator") == []

    play(scenario)
    kept = [event for event in Call.objects.get().events if event["event"] == "operator"]
    assert [(event["action"], event["by"]) for event in kept] == [("listen", "li")]


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
def test_a_turn_and_a_call_are_let_go_of_when_they_are_over(plan: CallPlan) -> None:
    parts = (CallSession, Conversation, Floor, Partials, Speaker, Journal, Reply, Hold)

    async def scenario() -> None:
        answers: list[Any] = ["九点开门。"] * 2 + [DOWN] + ["可以退款。" * 9] * 4
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"] * 9, answers=answers))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(0.2)
        await call.speaks(0.5)  # a guess is withdrawn
        for seconds in (5, 5, 5, 2):
            await call.waits(seconds)
            await call.speaks(1)
        await call.waits(3)
        await call.hangs_up()
        kinds = {event["event"] for event in call.events}
        assert {"reply_finished", "error", "interrupted"} <= kinds
        del call.session  # which sends to the scripted call

    play(scenario)
    assert not {type(kept).__name__ for kept in gc.get_objects() if type(kept) in parts}
