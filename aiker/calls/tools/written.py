"""An answer of a language model, told apart: words to be said, or a tool to be called.

::

    reading = Reading(llm.converse(messages, tools, note))
    if await reading.first():            # it begins with words
        await say(reading.rest())        # all of them
    reading.call                         # behind them: the first tool that it called, or None

Small models write a call as text (``<tool_call>{...}``, a JSON block), alone or behind words; nobody wants to
hear that. What begins so is held back, and read as the call that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from engines.adapters.llm_adapter import Message, ToolCall

_BEGINS = ("<tool_call", "```", "{")
_CALL = re.compile(r"<tool_call|```|\n\s*\{", re.IGNORECASE)  # behind words
_BEGUN = re.compile(r"(?:<|<t|<to|<too|<tool|<tool_|<tool_c|<tool_ca|<tool_cal|`|``|\n\s*)$", re.IGNORECASE)
_FENCES = re.compile(r"^(?:<tool_call>|```[a-z]*)|(?:</tool_call>|```)$")
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class Reading:
    """See the module."""

    def __init__(self, items: AsyncIterator[str | ToolCall]) -> None:
        self._items = items
        self._held = ""
        self.call: ToolCall | None = None

    async def first(self) -> bool:
        """Read up to the first words; False when there are none."""
        async for item in self._items:
            if isinstance(item, ToolCall):
                self._keep(item)
                continue
            self._held += item
            if not _may_be_call(self._held):
                return True
        if self.call is None and self._held.strip():
            if "{" not in self._held:
                return True  # a block of words
            # Written out, and readable or not: no caller is to hear it.
            self.call = written_call(self._held)
        self._held = ""
        return False

    async def rest(self) -> AsyncIterator[str]:
        """Yield the words, from the first one on, up to a call that is written behind them."""
        words, held = _cut(self._held)
        try:
            while True:
                if words:
                    yield words
                item = await anext(self._items, None)
                if item is None:
                    break
                if isinstance(item, ToolCall):
                    self._keep(item)
                    words = ""
                else:
                    words, held = _cut(held + item)
        finally:
            await self.close()  # whoever listens may have heard enough
        if not _CALL.match(held) or "{" not in held:
            yield held
        elif self.call is None:
            self.call = written_call(held)

    async def close(self) -> None:
        """Stop the engine."""
        if close := getattr(self._items, "aclose", None):
            await close()

    def _keep(self, call: ToolCall) -> None:
        self.call = self.call or call  # one at a time: its result may change what comes next


def written_call(text: str) -> ToolCall:
    """Return the call that a model wrote as text; one without a name when it cannot be read."""
    found = _OBJECT.search(_FENCES.sub("", text.strip()))
    try:
        said: Any = json.loads(found[0]) if found else None
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("name"), str):
        return ToolCall(arguments=text.strip())
    arguments = said.get("arguments", said.get("parameters", {}))
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(name=said["name"], arguments=arguments)


def exchange(call: ToolCall, result: str) -> list[Message]:
    """Return a call and its result as messages that the model is given next."""
    number = call.id or "call_1"
    function = {"name": call.name or "unknown", "arguments": _arguments(call)}
    return [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": number, "type": "function", "function": function}],
        },
        {"role": "tool", "content": result, "tool_call_id": number},
    ]


def _arguments(call: ToolCall) -> str:
    """Return the arguments as JSON, which servers insist on."""
    try:
        json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return "{}"
    return call.arguments or "{}"


def _may_be_call(text: str) -> bool:
    start = text.lstrip().lower()
    return not start or any(start.startswith(mark) or mark.startswith(start) for mark in _BEGINS)


def _cut(text: str) -> tuple[str, str]:
    """Return what can be said, and what is a call or may become one."""
    if found := _CALL.search(text):
        return text[: found.start()], text[found.start() :]
    begun = _BEGUN.search(text)
    end = begun.start() if begun else len(text)
    return text[:end], text[end:]
