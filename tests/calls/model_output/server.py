"""An OpenAI-compatible server in a thread that writes what a test scripts, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from engines.adapters.llm_adapter import LLMAdapter
from engines.routing import Breakers, Endpoint, Routes
from tests.engines.serving import listening

Step = str | float  # text of a token, or seconds without one
TOKEN_S = 0.005


def tokens(text: str, size: int = 2) -> list[Step]:
    """Return a text in tokens of ``size`` characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]


@contextmanager
def writing(*answers: Sequence[Step], timeout_s: float = 10.0) -> Iterator[LLMAdapter]:
    """Serve ``answers``, one a request and the last one for ever."""
    left = list(answers)

    async def chat(_request: Request) -> Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return StreamingResponse(_events(answer), media_type="text/event-stream")

    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    with listening(app) as url:
        endpoint = Endpoint("scripted", f"{url}/v1", "scripted", timeout_s=timeout_s)
        yield LLMAdapter(Routes("llm", [endpoint], Breakers()))


async def _events(steps: Sequence[Step]) -> AsyncIterator[str]:
    yield _event({"role": "assistant", "content": ""})
    for step in steps:
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield _event({"content": step})
            await asyncio.sleep(TOKEN_S)
    yield "data: [DONE]\n\n"


def _event(delta: dict[str, Any]) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    about = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    return f"data: {json.dumps(about | {'choices': [choice]})}\n\n"
