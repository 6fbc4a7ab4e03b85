"""The language model of a call."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, TypeVar, cast

from openai import AsyncStream, BadRequestError, Omit, UnprocessableEntityError, omit
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionStreamOptionsParam,
    ChatCompletionToolUnionParam,
)
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from engines.adapters.client import Note, client_for, engine_errors, routed_stream
from engines.errors import EngineError
from engines.routing import Endpoint, Routes
from engines.usage import estimated_tokens

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_TOKENS = 160
# A server that takes no notice of the limit is stopped here: no token is longer on average.
MAX_CHARS = 8 * MAX_TOKENS
MAX_TOOL_CALLS = 4  # in one answer
# The longest wait between two tokens of an answer: a caller hears nothing meanwhile. Two busy cores take 2 s
# now and then, and servers that parse tool calls keep back the tokens of one.
STALL_S = 4.0
# Servers that refuse to be asked for the tokens of a stream.
_secretive: set[str] = set()
# Servers that refuse tools: they are asked without, and what the model would have called is not called.
_toolless: set[str] = set()


class Message(TypedDict):
    role: str
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]  # of the assistant
    tool_call_id: NotRequired[str]  # of a tool's result


@dataclass(slots=True)
class ToolCall:
    """What a model wants done; ``arguments`` is JSON text as the model wrote it, right or wrong."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class LLMAdapter:
    """Answer a conversation.

    ::

        async for text in LLMAdapter(routes).stream(messages, note=print):
            ...

    Raises EngineError with stage ``llm``; closing the iterator stops the engine.
    """

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

    async def stream(self, messages: list[Message], note: Note) -> AsyncIterator[str]:
        """Yield the pieces of the answer as they are generated."""
        stream = routed_stream(self.routes, lambda endpoint: self._text(endpoint, messages), note, STALL_S)
        async with aclosing(stream):
            async for text in stream:
                yield text

    async def converse(
        self, messages: list[Message], tools: Sequence[dict[str, Any]], note: Note
    ) -> AsyncIterator[str | ToolCall]:
        """Yield the answer as ``stream`` does, and behind it what the model wants done with ``tools``."""
        stream = routed_stream(
            self.routes, lambda endpoint: self._items(endpoint, messages, tools), note, STALL_S
        )
        async with aclosing(stream):
            async for item in stream:
                yield item

    async def prime(self, messages: list[Message], tools: Sequence[dict[str, Any]] = ()) -> None:
        """Let the first engine read ``messages`` ahead, so that the next turn only adds to them."""
        endpoint = self.routes.endpoints[0]
        with engine_errors("llm", endpoint.url):
            answer = await _with_tools_or_without(
                endpoint,
                tools,
                lambda offered: client_for(endpoint).chat.completions.create(
                    model=endpoint.model,
                    messages=_given(messages),
                    tools=offered,
                    max_tokens=1,
                    temperature=omit,
                ),
            )
        self._count(endpoint, messages, 1, getattr(answer, "usage", None))

    async def _text(self, endpoint: Endpoint, messages: list[Message]) -> AsyncGenerator[str, None]:
        async with aclosing(self._items(endpoint, messages, ())) as items:
            async for item in items:
                if isinstance(item, str):
                    yield item

    async def _items(
        self, endpoint: Endpoint, messages: list[Message], tools: Sequence[dict[str, Any]]
    ) -> AsyncGenerator[str | ToolCall, None]:
        given = 0
        usage: CompletionUsage | None = None
        calls: dict[int, ToolCall] = {}
        with engine_errors("llm", endpoint.url):
            stream = await _open(endpoint, messages, tools)
            try:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    # The last chunk of most servers carries usage and no choice.
                    if not chunk.choices:
                        continue
                    delta = chunk.choices[0].delta
                    if text := delta.content:
                        given += len(text)
                        yield text
                    for piece in delta.tool_calls or ():
                        given += _add(calls, piece)
                        yield ""  # the engine is at work: its time limit is for silence
                    if given > MAX_CHARS:
                        break
            finally:
                # Also of an answer that nobody waits for any more.
                self._count(endpoint, messages, given, usage)
                await stream.close()
        for call in calls.values():
            yield call
        if not given:
            raise EngineError("llm", "empty", f"{endpoint.url} answered without a word")

    def _count(
        self, endpoint: Endpoint, messages: list[Message], given: int, usage: CompletionUsage | None
    ) -> None:
        """Count the tokens of an answer: as the server says, else by the characters read and ``given``."""
        if usage is not None:
            counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        else:
            prompt = estimated_tokens(sum(len(message["content"]) for message in messages))
            completion = estimated_tokens(given)
            counts = {"prompt_tokens": prompt, "completion_tokens": completion}
            counts["estimated_tokens"] = prompt + completion
        self.routes.usage.add("llm", endpoint.engine, **counts)


async def _open(
    endpoint: Endpoint, messages: list[Message], tools: Sequence[dict[str, Any]]
) -> AsyncStream[ChatCompletionChunk]:
    """Ask for an answer, and for its tokens where the server does not refuse to tell them."""

    async def ask(options: ChatCompletionStreamOptionsParam | Omit) -> AsyncStream[ChatCompletionChunk]:
        return await _with_tools_or_without(
            endpoint,
            tools,
            lambda offered: client_for(endpoint).chat.completions.create(
                model=endpoint.model,
                messages=_given(messages),
                tools=offered,
                stream=True,
                stream_options=options,
                temperature=0.0,
                max_tokens=MAX_TOKENS,
            ),
        )

    if endpoint.url in _secretive:
        return await ask(omit)
    try:
        return await ask({"include_usage": True})
    except (BadRequestError, UnprocessableEntityError):
        stream = await ask(omit)  # that it was about something else is told by the same refusal
        _secretive.add(endpoint.url)
        return stream


async def _with_tools_or_without(
    endpoint: Endpoint, tools: Sequence[dict[str, Any]], ask: Callable[[Any], Awaitable[T]]
) -> T:
    """Ask with tools; without them where the server says that it takes none."""
    if not tools or endpoint.url in _toolless:
        return await ask(omit)
    try:
        return await ask(_offered(tools))
    except BadRequestError as exc:
        if exc.param != "tools":
            raise
        logger.warning("%s takes no tools; its model calls none", endpoint.url)
        _toolless.add(endpoint.url)
        return await ask(omit)


def _add(calls: dict[int, ToolCall], piece: ChoiceDeltaToolCall) -> int:
    """Add a piece of a tool call to the one it belongs to; return how many characters it had."""
    if piece.index not in calls and len(calls) == MAX_TOOL_CALLS:
        return 0
    call = calls.setdefault(piece.index, ToolCall())
    call.id = call.id or piece.id or ""
    name, arguments = (piece.function.name, piece.function.arguments) if piece.function else (None, None)
    call.name += name or ""
    call.arguments += arguments or ""
    return len(name or "") + len(arguments or "")


def _offered(tools: Sequence[dict[str, Any]]) -> list[ChatCompletionToolUnionParam] | Omit:
    return cast("list[ChatCompletionToolUnionParam]", list(tools)) if tools else omit


def _given(messages: list[Message]) -> list[ChatCompletionMessageParam]:
    return cast("list[ChatCompletionMessageParam]", messages)
