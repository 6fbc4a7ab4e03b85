"""The language model of a call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypedDict, cast

from openai import omit
from openai.types.chat import ChatCompletionMessageParam

from engines.adapters.client import Note, client_for, engine_errors, routed_stream
from engines.errors import EngineError
from engines.routing import Endpoint, Routes

MAX_TOKENS = 160
# A server that takes no notice of the limit is stopped here: no token is longer on average.
MAX_CHARS = 8 * MAX_TOKENS


class Message(TypedDict):
    role: str
    content: str


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
        async for text in routed_stream(self.routes, lambda endpoint: self._text(endpoint, messages), note):
            yield text

    async def prime(self, messages: list[Message]) -> None:
        """Let the first engine read ``messages`` ahead, so that the next turn only adds to them."""
        endpoint = self.routes.endpoints[0]
        with engine_errors("llm", endpoint.url):
            await client_for(endpoint).chat.completions.create(
                model=endpoint.model, messages=_given(messages), max_tokens=1, temperature=omit
            )

    async def _text(self, endpoint: Endpoint, messages: list[Message]) -> AsyncGenerator[str, None]:
        given = 0
        with engine_errors("llm", endpoint.url):
            stream = await client_for(endpoint).chat.completions.create(
                model=endpoint.model,
                messages=_given(messages),
                stream=True,
                temperature=0.0,
                max_tokens=MAX_TOKENS,
            )
            async with stream:
                async for chunk in stream:
                    # The last chunk of some servers carries usage and no choice.
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        given += len(text)
                        yield text
                    if given > MAX_CHARS:
                        return
        if not given:
            raise EngineError("llm", "empty", f"{endpoint.url} answered without a word")


def _given(messages: list[Message]) -> list[ChatCompletionMessageParam]:
    return cast("list[ChatCompletionMessageParam]", messages)
