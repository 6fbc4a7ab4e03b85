"""The filter behind the real client of a language model, over a real connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from aiker.calls.model_output import stream
from aiker.calls.model_output.filter import OutputFilter, OutputSettings
from aiker.calls.model_output.stream import spoken_words, without_thoughts
from aiker.calls.tools.written import Reading
from engines.adapters.llm_adapter import LLMAdapter, Message, ToolCall
from engines.errors import EngineError
from engines.routing import Breakers, Endpoint, Routes
from tests.calls.model_output.server import Step, tokens, writing

ASKED: list[Message] = [{"role": "user", "content": "多少钱"}]


async def said_by(llm: LLMAdapter) -> tuple[str, EngineError | None, float]:
    """Return what may be said of an answer, why it failed, and the seconds it took."""
    words, error, began = "", None, time.perf_counter()
    output = OutputFilter(OutputSettings(), "多少钱")
    try:
        async for text in spoken_words(llm.stream(ASKED, lambda _served: None), output):
            words += text
    except EngineError as exc:
        error = exc
    return words, error, time.perf_counter() - began


@pytest.mark.parametrize(
    ("steps", "said", "code"),
    [
        pytest.param(
            ["<th", "ink>", "用户在问", "</thi", "nk>", "价格是99元。"], "价格是99元。", "", id="S6-split"
        ),
        pytest.param(tokens("<think>用户在问价格，我需要查"), "", "empty", id="S6-unclosed"),
        pytest.param(["」"], "", "empty", id="S8-quote"),
        pytest.param(["   "], "", "empty", id="S8-spaces"),
        pytest.param([], "", "empty", id="S8-nothing"),
        pytest.param(tokens("こんにちは、ありがとうございます。"), "", "language", id="S9-Japanese"),
        pytest.param(["价格是99元。", "</s>", *["还有"] * 400], "价格是99元。", "", id="T-end-token"),
        pytest.param(["价格是九十九元，"] * 150, "价格是九十九元，" * 2, "", id="L-loop"),
        pytest.param(
            ["价格是", "九十", "九元，", 5.5, "另外。"], "价格是九十九元，", "timeout", id="St-comma"
        ),
        pytest.param(["价格是九", 5.5, "十九元。"], "", "timeout", id="St-in-a-figure"),
    ],
)
async def test_an_answer_over_a_real_connection(steps: list[Step], said: str, code: str) -> None:
    with writing(steps) as llm:
        words, error, seconds = await said_by(llm)
    assert (words, error.code if error else "") == (said, code)
    assert error is None or error.stage == "llm"
    assert seconds < 5


async def test_S8_signs_without_end_are_given_up() -> None:
    with writing([step for _ in range(200) for step in ("😊", 0.1)]) as llm:
        words, error, seconds = await said_by(llm)
    assert (words, error and error.code) == ("", "timeout")
    assert seconds < 2.5


async def test_an_engine_is_stopped_once_nothing_more_will_be_said() -> None:
    class Endless:
        closed = False

        async def write(self) -> AsyncIterator[str]:
            try:
                while True:
                    yield "价格是九十九元，"
                    await asyncio.sleep(0)
            finally:
                self.closed = True

    engine = Endless()
    output = OutputFilter(OutputSettings())
    assert [text async for text in spoken_words(engine.write(), output)] == ["价格是九十九元，"] * 2
    assert engine.closed


async def test_S6_an_engine_that_closed_a_thought_it_never_opened_is_waited_for_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_open_thoughts", set())

    async def answer(*pieces: str) -> str:
        async def write() -> AsyncIterator[str]:
            for piece in pieces:
                yield piece

        words = spoken_words(write(), OutputFilter(OutputSettings()), engine=lambda: "r1")
        return "".join([text async for text in words])

    thought, said = "这里有好几种价格，", "价格是99元。"
    assert await answer(thought, "</think>", said) == thought + said  # nobody could know
    assert await answer(thought, "</think>", said) == said
    assert await answer(said) == said
    assert await answer(thought, said) == thought + said  # forgotten: it answered without thinking


async def test_T_a_call_behind_a_thought_is_found_by_the_tools() -> None:
    written = (
        '<think>要查订单。</think><tool_call>{"name": "query_order", "arguments": {"order": "1"}}</tool_call>'
    )
    with writing(tokens(written)) as llm:
        reading = Reading(without_thoughts(llm.converse(ASKED, [], lambda _served: None)))
        assert not await reading.first()
    assert reading.call == ToolCall(name="query_order", arguments='{"order": "1"}')


async def test_first_failing_engine_is_passed_over_when_it_says_nothing() -> None:
    with writing([]) as empty, writing(["价格是99元。"]) as good:
        endpoints: list[Endpoint] = [*empty.routes.endpoints, *good.routes.endpoints]
        words, error, _ = await said_by(LLMAdapter(Routes("llm", endpoints, Breakers())))
    assert (words, error) == ("价格是99元。", None)
