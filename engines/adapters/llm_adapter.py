"""The language model of a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypedDict, cast

from openai import AsyncOpenAI, omit
from openai.types.chat import ChatCompletionMessageParam

from engines.adapters.client import engine_errors


class Message(TypedDict):
    role: str
    content: str


class LLMAdapter:
    """Answer a conversation.

    ::

        async for text in LLMAdapter(client, "qwen").stream(messages):
            ...

    Raises EngineError with stage ``llm``; closing the iterator stops the engine.
    """

    def __init__(self, client: AsyncOpenAI, model: str, max_tokens: int = 160) -> None:
        self.model = model
        self._client = client
        self._max_tokens = max_tokens

    async def stream(self, messages: list[Message]) -> AsyncIterator[str]:
        """Yield the pieces of the answer as they are generated."""
        with engine_errors("llm", str(self._client.base_url)):
            stream = await self._client.chat.completions.create(
                model=self.model,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                stream=True,
                temperature=0.0,
                max_tokens=self._max_tokens,
            )
            async with stream:
                async for chunk in stream:
                    # The last chunk of some servers carries usage and no choice.
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        yield text

    async def prime(self, messages: list[Message]) -> None:
        """Let the engine read ``messages`` ahead, so that the next turn only adds to them."""
        with engine_errors("llm", str(self._client.base_url)):
            await self._client.chat.completions.create(
                model=self.model,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                max_tokens=1,
                temperature=omit,
            )
