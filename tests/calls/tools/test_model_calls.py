"""Tool calls of a language model over a real connection, as servers stream them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from engines.adapters.llm_adapter import LLMAdapter, Message, ToolCall
from engines.errors import EngineError
from engines.routing import Breakers, Endpoint, Routes

ASKED: list[Message] = [{"role": "user", "content": "订单1024呢"}]
TOOLS = [{"type": "function", "function": {"name": "query_order", "description": "查", "parameters": {}}}]


def part(index: int, **function: str) -> dict[str, Any]:
    number = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
    return {"tool_calls": [{"index": index, **number, "function": function}]}


@contextmanager
def scripted_server(*deltas: dict[str, Any]) -> Iterator[tuple[LLMAdapter, list[dict[str, Any]]]]:
    """Serve one streamed answer of ``deltas``, the way OpenAI-compatible servers do; keep what was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            about = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
            for delta in deltas:
                choice = {"index": 0, "delta": delta, "finish_reason": None}
                self.wfile.write(f"data: {json.dumps(about | {'choices': [choice]})}\n\n".encode())
            usage = about | {"choices": [], "usage": None}
            self.wfile.write(f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_arguments: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        yield LLMAdapter(Routes("llm", [Endpoint("scripted", url, "m")], Breakers())), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def heard(llm: LLMAdapter) -> list[str | ToolCall]:
    """Return what came; "" only says that the engine is at work."""
    return [item async for item in llm.converse(ASKED, TOOLS, lambda _served: None) if item]


async def test_a_call_that_comes_in_pieces_is_put_together() -> None:
    deltas = [
        {"role": "assistant", "content": None},
        part(0, name="query_order", arguments=""),
        part(0, arguments='{"order": '),
        part(0, arguments='"1024"}'),
    ]
    with scripted_server(*deltas) as (llm, asked):
        assert await heard(llm) == [ToolCall("call_0", "query_order", '{"order": "1024"}')]
    assert asked[0]["tools"] == TOOLS


async def test_words_come_before_calls_and_calls_in_their_order() -> None:
    deltas = [
        {"content": "好的，"},
        part(0, name="query_order", arguments="{}"),
        part(1, name="transfer", arguments="{}"),
    ]
    with scripted_server(*deltas) as (llm, _):
        text, first, second = await heard(llm)
    assert (text, first, second) == (
        "好的，", ToolCall("call_0", "query_order", "{}"), ToolCall("call_1", "transfer", "{}"),
    )  # fmt: skip


async def test_a_server_that_never_stops_its_arguments_is_stopped() -> None:
    endless = [part(0, name="query_order", arguments="{"), *(part(0, arguments="x" * 100) for _ in range(90))]
    with scripted_server(*endless) as (llm, _):
        (call,) = await heard(llm)
    assert isinstance(call, ToolCall)
    assert len(call.arguments) < 1500


async def test_nothing_at_all_is_an_error() -> None:
    with scripted_server({"role": "assistant"}) as (llm, _), pytest.raises(EngineError):
        await heard(llm)


async def test_without_tools_nothing_is_offered_and_only_words_come() -> None:
    with scripted_server({"content": "您好"}, part(0, name="x", arguments="{}")) as (llm, asked):
        assert [text async for text in llm.stream(ASKED, lambda _served: None) if text] == ["您好"]
    assert "tools" not in asked[0]
