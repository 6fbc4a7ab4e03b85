"""What tools do in a call, on a scripted clock; what they send is answered by a script too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from aiker.calls.models import Assistant, Call, Tool
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.tools.http import Response
from aiker.calls.tools.request import Request
from aiker.calls.tools.spec import ToolError
from engines.adapters.llm_adapter import ToolCall
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

CHECKING, FAILED, ANSWER = "我查一下。", "查不了。", "您的订单{status}。"
ORDER = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
CALLED = ToolCall("c1", "query_order", '{"order": "1024"}')


@dataclass
class ScriptedReceiver:
    """Answers what tools send; a ToolError is raised in place of an answer."""

    answers: list[Any] = field(default_factory=list)
    takes_s: float = 0.5
    got: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.got.append(json.loads(request.body))
        await asyncio.sleep(self.takes_s)
        answer = self.answers.pop(0)
        if isinstance(answer, ToolError):
            raise answer
        return Response(200, answer, 500)


class Nothing:
    """Knowledge that has no answer."""

    async def search(self, question: str, *, before: str = "", k: int = 3) -> Found:  # noqa: ARG002
        return Found((), (), RetrievalResult((), 0.1, "v1"), 0.1)


Plan = Callable[..., CallPlan]


@pytest.fixture
def plan() -> Plan:
    """Return a function that makes the plan of an assistant with a tool."""
    anna = Assistant.objects.create(
        slug="anna",
        name="安娜",
        greeting="您好。",
        apology="抱歉。",
        goodbye="再见。",
        no_answer="不清楚，需要为您转人工吗？",
    )
    without = plan_for(anna)

    def with_tool(kind: str, **fields: Any) -> CallPlan:
        kinds: dict[str, dict[str, Any]] = {
            "transfer": {
                "slug": "transfer", "phrases": "转人工\n找真人", "target": "8001", "answer": "正在转接。",
            },
            "hang_up": {"slug": "hang_up", "phrases": "挂了吧"},
            "webhook": {"slug": "message", "phrases": "给我回电话", "answer": "记下了。", "url": "https://x.test/"},
            "lookup": {
                "slug": "query_order", "ask_model": True, "description": "查订单", "parameters": ORDER,
                "url": "https://x.test/", "progress": CHECKING,
            },
        }  # fmt: skip
        tool = Tool(kind=kind, name=kind, failure=FAILED, **{**kinds[kind], **fields})
        return replace(without, tools=(tool.spec(),))

    return with_tool


def engines(receiver: ScriptedReceiver | None = None, **script: Any) -> StandInEngines:
    return StandInEngines(send_tool=receiver or ScriptedReceiver(), **script)


async def asks(call: ScriptedCall, then_s: float = 5) -> None:
    await call.speaks(1)
    await call.waits(then_s)


def said(call: ScriptedCall) -> list[str]:
    return [event["text"] for event in call.all("reply_text")][1:]


def test_a_caller_who_asks_for_a_person_is_transferred_without_the_language_model(plan: Plan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan("transfer"), engines(hears=["嗯，帮我转人工吧"]))
        await call.waits(2)
        await asks(call)
        assert said(call) == ["正在转接。"]
        assert (call.closed, call.all("call_ended")[0]["reason"]) == (1000, "transferred")
        assert call.engines.prompts == []
        (turn,) = call.all("turn_finished")
        assert turn["heard_text"] == "正在转接。"
        (run,) = turn["tools"]
        assert (run["name"], run["kind"], run["by"], run["error"]) == ("transfer", "transfer", "phrase", {})
        assert sum(share["ms"] for share in turn["contributions"]) == turn["voice_to_voice_ms"]
        await call.hangs_up()  # when the record is stored

    play(scenario)
    record = Call.objects.get()
    assert (record.end_reason, record.transfer_to) == ("transferred", "8001")
    assert record.turns.get().tools[0]["name"] == "transfer"


def test_a_caller_who_speaks_over_the_announcement_is_not_transferred(plan: Plan) -> None:
    async def scenario() -> None:
        made = plan("transfer", answer="好的，正在为您转接人工客服，请您稍等。")
        call = ScriptedCall(made, engines(hears=["转人工", "等等不用了"], answers=["好的。"]))
        await call.waits(2)
        await asks(call, 1.5)
        await asks(call)
        assert call.closed is None
        assert [turn["interrupted"] for turn in call.all("turn_finished")] == [True, False]
        await call.hangs_up()

    play(scenario)
    assert (Call.objects.get().end_reason, Call.objects.get().transfer_to) == ("hung_up", "")


def test_hanging_up_says_the_goodbye_of_the_assistant(plan: Plan) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan("hang_up"), engines(hears=["那就挂了吧"]))
        await call.waits(2)
        await asks(call)
        assert said(call) == ["再见。"]
        assert call.all("call_ended")[0]["reason"] == "assistant_hung_up"

    play(scenario)


def test_a_message_is_sent_once_the_turn_is_certain(plan: Plan) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([None])
        script = engines(receiver, hears=["给我回电话", "给我回电话"])
        call = ScriptedCall(plan("webhook", progress="请稍等。"), script)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(0.4)  # long enough to guess
        assert call.all("transcript")
        assert receiver.got == []
        await call.speaks(0.5)  # and it was not the end
        await call.waits(5)
        (got,) = receiver.got
        assert (got["assistant"], got["tool"], got["turn"]) == ("anna", "message", 1)
        assert got["call_id"] == str(call.session.id)
        assert said(call) == ["请稍等。", "记下了。"]
        assert [e["event"] for e in call.events if e["event"].startswith("tool_")] == [
            "tool_started", "tool_finished",
        ]  # fmt: skip
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert sum(share["ms"] for share in turn["contributions"]) == turn["voice_to_voice_ms"]

    play(scenario)


@pytest.mark.parametrize(("answer", "heard"), [(CALLED, "您的订单已发货。"), ("好的。", "好的，记下了。")])
def test_a_number_is_for_a_tool_once_the_caller_confirmed_it(plan: Plan, answer: Any, heard: str) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([{"status": "已发货"}])
        script = engines(receiver, hears=["查订单", "10248888", "对"], answers=["请问订单号是多少？", answer])
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        for _ in range(3):
            assert receiver.got == []
            await asks(call, 8)
        assert len(script.prompts) == 2, "nothing is asked of the model before the yes"
        assert "八八八八" in script.prompts[-1][-2]["content"]
        assert said(call)[-1] == heard
        assert len(receiver.got) == (answer is CALLED)
        await call.hangs_up()

    play(scenario)


def test_a_caller_who_goes_on_while_a_message_is_sent_does_not_send_it_twice(plan: Plan) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([None], takes_s=3)
        call = ScriptedCall(
            plan("webhook"), engines(receiver, hears=["给我回电话", "还有一件事"], answers=["您说。"])
        )
        await call.waits(2)
        await asks(call, 1)
        await asks(call, 6)
        assert len(receiver.got) == 1
        assert receiver.answers == []  # it was carried through
        first, second = call.all("turn_finished")
        assert first["tools"][0]["error"]["code"] == "unfinished"
        assert second["user_text"] == "还有一件事"
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize(("progress", "again"), [("请稍等，我来登记。",) * 2, ("", "您的留言正在发送。")])
def test_a_caller_who_asks_again_meanwhile_does_not_send_it_twice(
    plan: Plan, progress: str, again: str
) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([None], takes_s=4)
        script = engines(receiver, hears=["给我回电话", "你说什么"] * 2, answers=[again])
        call = ScriptedCall(plan("webhook", progress=progress), script)
        await call.waits(2)
        await asks(call, 1.5)
        await asks(call, 8)
        assert len(receiver.got) == 1
        assert call.all("turn_finished")[-1]["manner"] == "repeat"
        assert call.all("turn_finished")[-1]["heard_text"] == again
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize("code", ["timeout", "status", "not_json", "host"])
def test_a_tool_that_fails_is_owned_up_to_and_the_call_goes_on(plan: Plan, code: str) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([ToolError(code, "stand-in")])
        call = ScriptedCall(plan("webhook"), engines(receiver, hears=["给我回电话", "问"], answers=["答。"]))
        await call.waits(2)
        await asks(call)
        assert said(call) == [FAILED]
        await asks(call)
        assert said(call) == [FAILED, "答。"]
        assert call.all("turn_finished")[0]["tools"][0]["error"] == {"code": code, "message": "stand-in"}
        assert call.all("turn_finished")[0]["error"] == {}
        assert call.all("tool_finished")[0]["error"]["code"] == code
        await call.hangs_up()

    play(scenario)


def test_a_look_up_by_the_model_is_answered_from_its_result(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(ScriptedReceiver([{"status": "已发货"}]), hears=["订单1024呢"],
                         answers=[CALLED, "已经发货了。"])  # fmt: skip
        call = ScriptedCall(plan("lookup"), script)
        await call.waits(2)
        await asks(call)
        assert said(call) == [CHECKING, "已经发货了。"]
        *_, assistant, result = script.prompts[1]
        assert assistant["tool_calls"][0]["function"]["name"] == "query_order"
        assert (result["role"], json.loads(result["content"])) == ("tool", {"status": "已发货"})
        (run,) = call.all("turn_finished")[0]["tools"]
        assert (run["by"], run["arguments"], run["result"]) == (
            "model",
            {"order": "1024"},
            {"status": "已发货"},
        )
        await call.hangs_up()

    play(scenario)


def test_a_look_up_with_a_sentence_needs_no_second_answer_of_the_model(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(ScriptedReceiver([{"status": "已发货"}]), hears=["订单呢"], answers=[CALLED])
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call)
        assert said(call) == [CHECKING, "您的订单已发货。"]
        await call.hangs_up()

    play(scenario)


def test_a_sentence_that_the_result_does_not_fill_is_a_failure(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(ScriptedReceiver([{"state": 3}]), hears=["订单呢"], answers=[CALLED])
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call)
        assert said(call) == [CHECKING, FAILED]
        assert call.all("turn_finished")[0]["tools"][0]["error"]["code"] == "template"
        await call.hangs_up()

    play(scenario)


WRONG = ToolCall("c0", "query_order", '{"order": 1024}')


@pytest.mark.parametrize("mended", [True, False])
def test_wrong_arguments_are_told_to_the_model_once(plan: Plan, mended: bool) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([{"status": "已发货"}])
        script = engines(receiver, hears=["订单呢"], answers=[WRONG, CALLED if mended else WRONG])
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call)
        assert "is not of type 'string'" in script.prompts[1][-1]["content"]
        assert said(call) == ([CHECKING, "您的订单已发货。"] if mended else [FAILED])
        assert len(receiver.got) == (1 if mended else 0)
        errors = [run["error"].get("code") for run in call.all("turn_finished")[0]["tools"]]
        assert errors == (["arguments", None] if mended else ["arguments", "arguments"])
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize(
    "written",
    ['<tool_call>{"name": "query_order", "arguments": {"order": "1024"}}</tool_call>', "```json\n[]\n```"],
)
def test_a_call_that_a_small_model_writes_is_never_read_aloud(plan: Plan, written: str) -> None:
    async def scenario() -> None:
        script = engines(
            ScriptedReceiver([{"status": "已发货"}]), hears=["订单呢"], answers=[written, written]
        )
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call)
        assert said(call) == ([CHECKING, "您的订单已发货。"] if "1024" in written else ["抱歉。"])
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize("mark", ["<tool_call>", "```json\n", "\n"], ids=["tag", "block", "line"])
def test_nor_is_one_that_it_writes_behind_words(plan: Plan, mark: str) -> None:
    async def scenario() -> None:
        written = f"好的，我查一下。{mark}" + json.dumps(
            {"name": "query_order", "arguments": {"order": "1024"}}
        )
        script = engines(ScriptedReceiver([{"status": "已发货"}]), hears=["订单呢"], answers=[written])
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call, 8)
        assert "".join(said(call)) == "好的，我查一下。您的订单已发货。"
        await call.hangs_up()

    play(scenario)


def test_what_only_begins_like_one_is_said(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(hears=["小数"], answers=["一<二，二<三。"])
        call = ScriptedCall(plan("lookup"), script)
        await call.waits(2)
        await asks(call)
        assert "".join(said(call)) == "一<二，二<三。"
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [("股票涨了。", ["不清楚。"]), (CALLED, [CHECKING, "您的订单已发货。"])],
    ids=["invented", "called"],
)
def test_where_the_knowledge_is_silent_the_model_may_call_but_not_invent(
    plan: Plan, answer: Any, heard: list[str]
) -> None:
    async def scenario() -> None:
        script = engines(
            ScriptedReceiver([{"status": "已发货"}]), hears=["问题"], answers=[answer], knowledge=Nothing()
        )
        call = ScriptedCall(plan("lookup", answer=ANSWER), script)
        await call.waits(2)
        await asks(call)
        assert said(call) == heard
        await call.hangs_up()

    play(scenario)


@pytest.mark.parametrize("reply", ["对，是的", "转人工"])
def test_a_tool_that_asks_first_runs_at_a_yes(plan: Plan, reply: str) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan("transfer", confirm="要转人工吗？"), engines(hears=["转人工", reply]))
        await call.waits(2)
        await asks(call)
        assert said(call) == ["要转人工吗？"]
        assert call.all("turn_finished")[0]["tools"] == []
        await asks(call)
        assert call.all("call_ended")[0]["reason"] == "transferred"

    play(scenario)


@pytest.mark.parametrize("manner", ["没听清，再说一遍", "等一下"])
def test_a_question_that_is_said_again_or_waits_can_be_answered_still(plan: Plan, manner: str) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan("transfer", confirm="要转人工吗？"), engines(hears=["转人工", manner, "对"]))
        await call.waits(2)
        for _ in range(3):
            await asks(call)
        assert call.all("call_ended")[0]["reason"] == "transferred"

    play(scenario)


def test_and_at_nothing_else(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(hears=["转人工", "停车多少钱", "好的"], answers=["十元。", "好的。"])
        call = ScriptedCall(plan("transfer", confirm="要转人工吗？"), script)
        await call.waits(2)
        for _ in range(3):
            await asks(call)
        assert said(call) == ["要转人工吗？", "十元。", "好的。"]  # the question is over by then
        await call.hangs_up()

    play(scenario)


def test_a_yes_to_the_offered_transfer_is_one(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(hears=["今天股票涨了吗", "好的"], knowledge=Nothing())
        call = ScriptedCall(plan("transfer"), script)
        await call.waits(2)
        await asks(call, 6)
        assert said(call) == ["不清楚，需要为您转人工吗？"]
        await asks(call)
        assert call.all("call_ended")[0]["reason"] == "transferred"
        assert call.all("turn_finished")[1]["tools"][0]["by"] == "offer"

    play(scenario)


def test_a_telephone_system_may_decline_a_transfer(plan: Plan) -> None:
    async def scenario() -> None:
        receiver = ScriptedReceiver([ToolError("status", "x.test answered 409")])
        call = ScriptedCall(plan("transfer", url="https://x.test/"), engines(receiver, hears=["转人工"]))
        await call.waits(2)
        await asks(call)
        assert receiver.got[0]["target"] == "8001"
        assert said(call) == [FAILED]
        assert call.closed is None
        await call.hangs_up()

    play(scenario)


def test_a_caller_is_transferred_also_when_no_voice_can_announce_it(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(hears=["转人工"], voice_fails=True, not_cached={"正在转接。"})
        call = ScriptedCall(plan("transfer"), script)
        await call.waits(2)
        await asks(call)
        assert call.all("call_ended")[0]["reason"] == "transferred"

    play(scenario)


def test_a_question_that_cannot_be_filled_fails_the_tool_and_not_the_call(plan: Plan) -> None:
    async def scenario() -> None:
        made = plan("lookup", confirm="查{order}，{day}的吗？")
        call = ScriptedCall(made, engines(hears=["订单呢"], answers=[CALLED]))
        await call.waits(2)
        await asks(call)
        assert said(call) == [FAILED]
        assert call.all("turn_finished")[0]["tools"][0]["error"]["code"] == "template"
        await call.hangs_up()

    play(scenario)


def test_a_model_that_never_stops_calling_is_an_engine_failure(plan: Plan) -> None:
    async def scenario() -> None:
        script = engines(
            ScriptedReceiver([{}] * 9), hears=["订单呢"], answers=[CALLED, CALLED, CALLED, CALLED]
        )
        call = ScriptedCall(plan("lookup"), script)
        await call.waits(2)
        await asks(call, 8)
        assert said(call) == [CHECKING, "抱歉。"]  # one sentence while things run, not three
        assert len(call.all("turn_finished")[0]["tools"]) == 3
        await call.hangs_up()

    play(scenario)


def test_a_result_that_comes_by_a_phrase_is_put_into_words_as_a_passage(plan: Plan) -> None:
    async def scenario() -> None:
        made = plan("lookup", phrases="今天有座位吗", parameters={"type": "object"}, ask_model=False)
        script = engines(ScriptedReceiver(["还有三个"]), hears=["今天有座位吗"], answers=["还有三个座位。"])
        call = ScriptedCall(made, script)
        await call.waits(2)
        await asks(call)
        assert "- lookup：还有三个" in script.prompts[0][-1]["content"]
        assert said(call) == [CHECKING, "还有三个座位。"]
        await call.hangs_up()

    play(scenario)


def test_secrets_that_cannot_be_read_fail_the_tool_and_not_the_call(plan: Plan) -> None:
    async def scenario() -> None:
        made = plan("webhook")
        broken = replace(made, tools=(replace(made.tools[0], broken="Enter them again."),))
        call = ScriptedCall(broken, engines(hears=["给我回电话"]))
        await call.waits(2)
        await asks(call)
        assert said(call) == [FAILED]
        assert call.all("turn_finished")[0]["tools"][0]["error"]["code"] == "secrets"
        await call.hangs_up()

    play(scenario)
