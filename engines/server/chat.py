"""``POST /v1/chat/completions``."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from engines.local.base import LocalLLMEngine, TextDelta
from engines.server.errors import Strict, StrictRequest, parse
from engines.server.requests import ready_stage, while_connected

logger = logging.getLogger(__name__)

StopString = Annotated[str, Field(min_length=1)]


class TextPart(Strict):
    type: Literal["text"]
    text: str


class Message(Strict):
    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(Strict):
    include_usage: bool = False


class TextFormat(Strict):
    type: Literal["text"] = "text"


class ChatRequest(StrictRequest):
    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: StopString | Annotated[list[StopString], Field(max_length=4)] | None = None
    # What these may say is what is done anyway.
    n: Literal[1] = 1
    top_p: Annotated[float, Field(ge=1, le=1)] = 1
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] = 0
    presence_penalty: Annotated[float, Field(ge=0, le=0)] = 0
    logprobs: Literal[False] = False
    response_format: TextFormat = TextFormat()


class _Answer:
    """What all chunks of one answer share."""

    def __init__(self, model: str) -> None:
        self.about = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, text: str, last: TextDelta) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": last.finish_reason, "logprobs": None}
        return self.about | {"object": "chat.completion", "choices": [choice], "usage": _usage(last)}

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._event([choice])

    def usage(self, last: TextDelta) -> str:
        return self._event([], usage=_usage(last))

    def _event(self, choices: list[Any], **more: Any) -> str:
        data = self.about | {"object": "chat.completion.chunk", "choices": choices} | more
        return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


async def chat_completions(request: Request) -> Response:
    """Answer a conversation, whole or, with ``stream``, as server-sent events.

    Reads ``messages`` (texts only), ``model``, ``temperature``, ``max_tokens`` or
    ``max_completion_tokens``, ``stop`` and ``stream_options``; what else OpenAI has is refused with a 400
    that names it, ``tools`` too: the adapter then asks without them.
    """
    began = time.perf_counter()
    body = parse(ChatRequest, await request.body())
    stage = ready_stage(request, "llm", body.model)
    deltas = stage.queue.stream(_deltas(stage.engine, body))
    # Wrong arguments and a full queue must be answered before the status line has gone out.
    first = await while_connected(request, _first(deltas))
    logged = _logged(first, deltas, f"llm {stage.model}", began)
    answer = _Answer(stage.model)
    if body.stream:
        usage = body.stream_options.include_usage
        return StreamingResponse(_events(answer, logged, usage), media_type="text/event-stream")
    text, last = await while_connected(request, _join(logged))
    return JSONResponse(answer.whole(text, last))


def _deltas(engine: LocalLLMEngine, body: ChatRequest) -> Iterator[TextDelta]:
    """Put off even the reading of the messages to the stage's thread."""
    messages = [{"role": message.role, "content": message.text} for message in body.messages]
    most = body.max_completion_tokens or body.max_tokens
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    yield from engine.stream(messages, most, body.temperature, stop)


async def _first(deltas: AsyncIterator[TextDelta]) -> TextDelta:
    return await anext(deltas)


async def _join(deltas: AsyncIterator[TextDelta]) -> tuple[str, TextDelta]:
    found = [delta async for delta in deltas]
    return "".join(delta.text for delta in found), found[-1]


async def _events(
    answer: _Answer, deltas: AsyncIterator[TextDelta], include_usage: bool
) -> AsyncGenerator[str, None]:
    yield answer.chunk({"role": "assistant", "content": ""})
    async for delta in deltas:
        if delta.text:
            yield answer.chunk({"content": delta.text})
        if delta.finish_reason:
            yield answer.chunk({}, delta.finish_reason)
            if include_usage:
                yield answer.usage(delta)
    yield "data: [DONE]\n\n"


async def _logged(
    first: TextDelta, deltas: AsyncIterator[TextDelta], what: str, began: float
) -> AsyncGenerator[TextDelta, None]:
    """Yield all deltas and write the request's line, also when the client leaves half way."""
    first_ms = round((time.perf_counter() - began) * 1000)
    last = first
    try:
        yield first
        async for last in deltas:
            yield last
    finally:
        logger.info(
            "%s: %d tokens read, %d written in %d ms, the first after %d ms%s",
            what,
            last.prompt_tokens,
            last.tokens,
            round((time.perf_counter() - began) * 1000),
            first_ms,
            "" if last.finish_reason else "; the client went away",
        )


def _usage(last: TextDelta) -> dict[str, int]:
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.tokens,
        "total_tokens": last.prompt_tokens + last.tokens,
    }
