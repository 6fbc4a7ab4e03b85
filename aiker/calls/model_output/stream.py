"""The filter between the engine and the voice.

::

    output = filter_for(settings, "会员价多少", messages)
    words = spoken_words(llm.stream(messages, note), output, engine=lambda: "qwen", on_first=mark_first_token)
    async for text in words: ...           # raises EngineError when it was no answer
    without_thoughts(llm.converse(...))    # for whoever looks for tool calls first
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from aiker.calls.model_output.filter import OutputFilter, OutputSettings
from aiker.calls.model_output.sections import SectionFilter
from engines.adapters.llm_adapter import Message, ToolCall
from engines.errors import EngineError

MAX_UNSAYABLE_S = 1.5  # tokens come, and none of them can be said: signs, emoji
MAX_THINKING_S = 8.0  # the model thinks, or writes what may yet be said

# Engines that close a thought they never opened: their prompt opened it.
_open_thoughts: set[str] = set()


def filter_for(settings: OutputSettings, question: str, messages: Sequence[Message]) -> OutputFilter:
    """Return the filter of one answer to ``messages``: names in what the model was given may be said."""
    # The instructions may be in another language than the answers.
    texts = [message["content"] for message in messages if message["role"] != "system"]
    return OutputFilter(settings, question, texts)


async def spoken_words(
    pieces: AsyncIterator[str],
    output: OutputFilter,
    *,
    engine: Callable[[], str] = str,
    on_first: Callable[[], None] = lambda: None,
) -> AsyncIterator[str]:
    """Yield what may be said of ``pieces``; EngineError ``llm`` when that is nothing, or breaks off.

    ``engine`` names who writes, from the first piece on; ``on_first`` is called then.
    """
    clock = asyncio.get_running_loop().time
    began: float | None = None
    expected = False
    try:
        async for piece in pieces:
            if began is None:
                began, expected = clock(), engine() in _open_thoughts
                on_first()
                if expected:
                    output.expect_thought()
            if words := output.feed(piece):
                began = clock()
                yield words
            elif clock() - began > (MAX_THINKING_S if output.pending else MAX_UNSAYABLE_S):
                raise EngineError("llm", "timeout", "the language model writes nothing that can be said")
            if output.ended:
                break
    finally:
        # An engine that is not stopped writes on.
        if close := getattr(pieces, "aclose", None):
            await close()
    if words := output.finish():
        yield words
    if output.closed_thought:
        _open_thoughts.add(engine())
    elif expected:
        _open_thoughts.discard(engine())
    if output.failure:
        raise EngineError("llm", *output.failure)


async def without_thoughts(items: AsyncIterator[str | ToolCall]) -> AsyncIterator[str | ToolCall]:
    """Yield an answer without thoughts and control tokens, so that a tool call behind them is found."""
    sections = SectionFilter(keep_calls=True)
    try:
        async for item in items:
            if isinstance(item, ToolCall):
                yield item
            else:
                for piece in sections.feed(item):
                    if piece:
                        yield piece
    finally:
        if close := getattr(items, "aclose", None):
            await close()
    for piece in sections.finish():
        if piece:
            yield piece
