"""A caller wants a person: what happens with a transfer in use, and what is said without one."""

from __future__ import annotations

from typing import Any

import pytest

from aiker.calls.models import Assistant, MenuItem, Tool, default_no_transfer
from aiker.calls.plan import plan_for
from knowledge.fusion import Passage
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = default_no_transfer()
WARRANTY = Passage("warranty", "保修", "保修期为一年，人工损坏除外。", 0.9, 1, 1)
HOTLINE = Passage("human", "转人工", "可以转人工，也可以拨400-000-5100。", 0.9, 1, 2)


class Knows:
    """Knowledge that answers everything with one passage, or declines everything."""

    def __init__(self, passage: Passage | None = None, refusal: str = "") -> None:
        self.passages = (passage,) if passage else ()
        self.refusal = refusal

    async def search(self, question: str, *, before: str = "", k: int = 3) -> Found:  # noqa: ARG002
        result = RetrievalResult(self.passages, 0.9, "v1")
        return Found(self.passages, self.passages, result, 0.9, refusal=self.refusal)


@pytest.fixture
def anna() -> Assistant:
    return Assistant.objects.create(slug="anna", name="安娜", greeting="")


def transfer(assistant: Assistant, **fields: Any) -> Tool:
    values = {"kind": "transfer", "phrases": "转人工", "target": "8001", "answer": "正在转接。"} | fields
    tool = Tool.objects.create(name="转人工", slug="transfer", **values)
    tool.assistants.add(assistant)
    return tool


def call_of(assistant: Assistant, *heard: str, keys: str = "", **script: Any) -> tuple[list[str], list[str]]:
    """Return what was answered turn by turn, and why the call ended."""
    plan = plan_for(assistant)
    told: list[str] = []
    ended: list[str] = []

    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=list(heard), **script))
        await call.waits(1)
        for _ in heard:
            await call.speaks(1)
            await call.waits(12)
        call.presses(keys)
        await call.waits(12 if keys else 0)
        told.extend(turn["heard_text"] for turn in call.all("turn_finished"))
        ended.extend(event["reason"] for event in call.all("call_ended"))
        await call.hangs_up()

    play(scenario)
    return told, ended


@pytest.mark.parametrize("asked", ["帮我转人工", "叫你们经理来接电话", "什么破机器人，给我找个人来说"])
def test_callers_row_a_transfer_in_use_takes_whoever_asks_for_a_person(anna: Assistant, asked: str) -> None:
    transfer(anna)
    assert call_of(anna, asked) == (["正在转接。"], ["transferred"])


@pytest.mark.parametrize("fields", [None, {"is_active": False}])
def test_p0_without_a_transfer_the_truth_is_told_not_a_warranty_clause(
    anna: Assistant, fields: dict[str, Any] | None
) -> None:
    if fields:
        transfer(anna, **fields)
    said, ended = call_of(anna, "帮我转人工", "你给我转人工", knowledge=Knows(WARRANTY))
    assert (said, ended) == ([FIRST, SECOND], [])


def test_the_hotline_of_the_knowledge_is_said_but_not_its_offer(anna: Assistant) -> None:
    said, _ended = call_of(anna, "帮我转人工", knowledge=Knows(HOTLINE))
    assert said == [f"{FIRST}也可以拨400-000-5100。"]


@pytest.mark.parametrize(
    "yes", ["好的", "要的", "好啊那你帮我转吧", "嗯，转过去吧", "可以的麻烦你了", "需要"]
)
def test_callers_row_a_yes_to_the_offer_is_kept(anna: Assistant, yes: str) -> None:
    anna.no_answer = "这个我不太清楚，需要为您转人工确认吗？"
    transfer(anna)
    said, ended = call_of(anna, "今天股票涨了吗", yes, knowledge=Knows())
    assert (said, ended) == ([anna.no_answer, "正在转接。"], ["transferred"])


@pytest.mark.parametrize("no", ["不用了", "不要", "算了不转了", "你有病吧，不用你转"])
def test_a_no_to_the_offer_transfers_nobody(anna: Assistant, no: str) -> None:
    anna.no_answer = "这个我不太清楚，需要为您转人工确认吗？"
    transfer(anna)
    _said, ended = call_of(anna, "今天股票涨了吗", no, knowledge=Knows(), answers=["好的。"])
    assert ended == []


@pytest.mark.parametrize("refusal", ["", "这个不在我的范围，要给您转人工吗？"])
def test_callers_row_an_offer_that_cannot_be_kept_is_not_made(anna: Assistant, refusal: str) -> None:
    anna.no_answer = "这个我不太清楚，需要为您转人工确认吗？"
    anna.system_prompt = "你是{name}。没有答案时，就说这个问题需要为您转人工确认。"
    assert "转人工" not in plan_for(anna).system_prompt
    said, _ended = call_of(anna, "今天股票涨了吗", knowledge=Knows(refusal=refusal))
    assert said == ["这个不在我的范围。" if refusal else "这个我不太清楚。"]


def test_callers_row_anger_that_goes_on_is_handed_over(anna: Assistant) -> None:
    transfer(anna)
    said, ended = call_of(anna, "你们这什么态度", "垃圾公司", knowledge=Knows())
    assert (said, ended) == ([anna.no_answer, "正在转接。"], ["transferred"])
    tools = anna.calls.get().turns.get(number=2).tools
    assert [run["by"] for run in tools] == ["anger"]


def test_a_yes_after_anger_is_no_yes_to_an_offer_that_nobody_made(anna: Assistant) -> None:
    transfer(anna)
    _said, ended = call_of(anna, "你们这什么态度", "好的", knowledge=Knows(), answers=["好。"])
    assert ended == []


@pytest.mark.parametrize("active", [True, False])
def test_key_0_is_the_transfer_while_one_is_in_use(anna: Assistant, active: bool) -> None:
    MenuItem.objects.create(assistant=anna, key="0", action="transfer")
    transfer(anna, is_active=active)
    said, ended = call_of(anna, keys="0", knowledge=Knows())
    assert (said, ended) == ((["正在转接。"], ["transferred"]) if active else ([FIRST], []))
