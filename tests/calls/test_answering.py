"""What is said is decided in one place; what the model reads is counted by its server where that can."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aiker.calls import answering, prompt
from aiker.calls.answering import Way
from aiker.calls.token_count import TokenCount, count_tokens
from engines.routing import Endpoint
from knowledge.fusion import Passage, tokens
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.knowledge.conftest import served
from tests.ports import free_port

NO_ANSWER = "这个我不太清楚。"


@dataclass(frozen=True)
class SomeWords:
    greeting: str = "您好。"
    goodbye: str = "再会。"
    no_answer: str = NO_ANSWER
    there_answer: str = "在的。"
    hold_answer: str = "不着急。"
    machine_answer: str = "我是语音助手。"
    no_transfer: tuple[str, ...] = ("这里不能转人工。",)
    can_transfer: bool = False


WORDS = SomeWords()
NOW = datetime(2026, 1, 2, 15, 5)  # a Friday
NO_REFUND = Passage("refund", "月卡退款", "月卡开通后不能退款，但可以暂停1次，最长30天。", 0.8, 1, 8)
PASSAGE = Passage("day", "日卡", "80元。", 0.91, 1, 7)
RESULT = RetrievalResult((PASSAGE,), 0.91, "onesuite-1")


def found(*passages: Passage, spoken: str = "", refusal: str = "") -> Found:
    return Found(passages, (PASSAGE,), RESULT, 0.91, spoken, refusal)


@pytest.mark.parametrize(
    ("question", "what", "said"),
    [
        ("一天多少钱", found(PASSAGE), ""),
        ("一天多少钱", found(PASSAGE, spoken="日卡80元一天。"), "日卡80元一天。"),
        ("今天股票涨了吗", found(), NO_ANSWER),
        ("帮我转人工", found(PASSAGE, spoken="可以转人工。"), "这里不能转人工。"),
        ("今天股票涨了吗", found(refusal="不聊股票。"), "不聊股票。"),
        ("你好", found(), ""),
        ("今天股票涨了吗", None, ""),
        ("喂？", found(spoken="日卡80元一天。"), "在的。"),
        ("稍等一下", None, "不着急。"),
        ("好的，再见", found(), "再会。"),
        ("你说什么？", found(), "您好。"),  # nothing was answered yet
        ("你是真人还是机器人啊", found(PASSAGE), "我是语音助手。"),
        ("今天星期几", found(PASSAGE), "今天是1月2日，周五。"),
        (
            "几点开门，有健身房吗",
            replace(found(PASSAGE, spoken="九点开门。"), is_partial=True),
            "九点开门。另外那个问题我不太清楚。",
        ),
        ("今天开门吗", found(PASSAGE, spoken="周五九点开门。"), "今天是周五。周五九点开门。"),
    ],
)
def test_the_model_is_asked_unless_something_fixed_is_said(
    question: str, what: Found | None, said: str
) -> None:
    decision = answering.decide(question, what, WORDS, NOW)
    assert decision.text == said
    assert (decision.way is Way.MODEL) == (said == "")


def test_whether_it_is_open_now_is_never_left_to_the_model() -> None:
    hours = replace(found(PASSAGE), written="门店前台周一到周五9点到18点营业。")
    said = answering.decide("现在上班吗", hours, WORDS, NOW)
    assert said == (Way.WRITTEN, f"现在是周五15点05分，在这个时间内。{hours.written}")


def test_thanks_lean_on_nothing_and_leave_the_topic_to_the_next_question() -> None:
    assert answering.context_of("谢谢你", "多功能厅多少钱") == ""
    assert answering.topic_after("谢谢你", found(), "多功能厅多少钱") == "多功能厅多少钱"
    assert answering.context_of("能坐几个人", "多功能厅多少钱") == "多功能厅多少钱"


async def test_a_clause_that_the_passages_deny_gives_way_to_the_entry() -> None:
    what = replace(found(NO_REFUND), written=NO_REFUND.text)
    grounding = answering.grounding("前两天刚买的，可以退款吗", what, WORDS, NOW)
    spoken = [clause async for clause in grounding.clauses(pieces("可以，月卡退款最长30天。"))]
    assert "".join(spoken) == NO_REFUND.text
    assert [(stop["clause"], stop["kind"]) for stop in grounding.stopped] == [("可以，", "yes_no")]


async def test_a_supported_answer_is_spoken_as_the_model_words_it() -> None:
    grounding = answering.grounding("月卡能退吗", found(NO_REFUND), WORDS, NOW)
    spoken = [clause async for clause in grounding.clauses(pieces("不能退款，但是可以暂停1次。"))]
    assert ("".join(spoken), grounding.stopped) == ("不能退款，但是可以暂停1次。", [])


async def pieces(text: str) -> AsyncIterator[str]:
    for char in text:
        yield char


def test_the_question_comes_last_with_its_passages() -> None:
    messages = answering.messages("你是安娜。", [], "一天多少钱", answering.shown([PASSAGE]))
    assert messages[0] == {"role": "system", "content": "你是安娜。"}
    assert messages[1:-1] == list(prompt.EXAMPLES)
    assert messages[-1]["content"] == "客户问：一天多少钱\n资料：\n- 日卡：80元。"


@pytest.fixture(scope="module")
def vllm() -> Iterator[Endpoint]:
    """A server that counts messages, as vLLM does."""

    async def tokenize(request: Request) -> JSONResponse:
        asked: dict[str, Any] = await request.json()
        return JSONResponse({"count": 11 * len(asked["messages"])})

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({})

    routes = [Route("/tokenize", tokenize, methods=["POST"]), Route("/health", health)]
    for port in served(Starlette(routes=routes)):
        yield Endpoint("big", f"http://127.0.0.1:{port}/v1", "qwen")


async def test_vllm_counts(vllm: Endpoint) -> None:
    messages = answering.messages("你是安娜。", [], "你好", [])
    assert await count_tokens(vllm, messages) == TokenCount(11 * len(messages), vllm.url.removesuffix("/v1"))


async def test_without_a_server_it_is_an_estimate() -> None:
    nobody = Endpoint("gone", f"http://127.0.0.1:{free_port()}/v1", "qwen")
    messages = answering.messages("你是安娜。", [], "你好", [])
    assert await count_tokens(nobody, messages) == TokenCount(sum(tokens(m["content"]) for m in messages))


async def test_a_model_whose_answer_is_stopped_does_not_write_on() -> None:
    grounding = answering.grounding("前两天刚买的，可以退款吗", found(NO_REFUND), WORDS, NOW)
    writing = pieces("可以，月卡退款最长30天。" * 100)
    assert [clause async for clause in grounding.clauses(writing)]
    assert [piece async for piece in writing] == []
