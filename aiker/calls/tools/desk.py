"""The tools of one call: which one is called, and running it.

::

    desk = ToolDesk(plan.tools, emit, send)
    desk.by_words("转人工", pending=None)        # Called(...), or None
    await desk.run(called, run, turn=3)         # fills ``run`` in; never raises ToolError

What has begun is carried through within its time limit, also when the caller goes on or hangs up: a message
that the caller was told of must not be lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from aiker.calls.events import CallEvent, Emit
from aiker.calls.tools import matching
from aiker.calls.tools.http import Send
from aiker.calls.tools.request import build
from aiker.calls.tools.schema import argument_problems, with_defaults
from aiker.calls.tools.spec import ANGER, MODEL, OFFER, PHRASE, Called, ToolError, ToolRun, ToolSpec
from aiker.calls.transfer_requests import accepts_offer, asks_for_person, asks_or_announces, is_angry
from engines.adapters.llm_adapter import ToolCall

logger = logging.getLogger(__name__)

_under_way: set[asyncio.Task[None]] = set()  # of every call; each ends within its tool's time limit


class ToolDesk:
    """See the module. ``about`` is what receivers are told of the call; the conversation fills it in."""

    def __init__(self, tools: Sequence[ToolSpec], emit: Emit, send: Send) -> None:
        self.tools = tuple(tools)
        self.about: dict[str, Any] = {}
        self.definitions = [tool.definition for tool in tools if tool.ask_model]
        self._emit = emit
        self._send = send

    @property
    def transfer(self) -> ToolSpec | None:
        """The tool for callers who want a person."""
        return next((tool for tool in self.tools if tool.hands_over), None)

    def by_words(self, text: str, pending: Called | None) -> Called | None:
        """Return the tool that an utterance calls by itself.

        By a phrase, as a request for a person, as a yes to ``pending``, or as anger that goes on.
        """
        tool = next((t for t in self.tools if any(matching.same(text, phrase) for phrase in t.phrases)), None)
        if tool is None and self.transfer and asks_for_person(text):
            tool = self.transfer
        if pending and (tool is pending.tool or self._accepts(text, pending)):
            return replace(pending, confirmed=True)
        return Called(tool, with_defaults(tool.parameters, {}), by=PHRASE) if tool else None

    def _accepts(self, text: str, pending: Called) -> bool:
        if pending.by == ANGER:  # nothing was offered that a yes could mean
            return is_angry(text)
        return matching.is_yes(text) or (pending.by == OFFER and accepts_offer(text))

    def by_model(self, call: ToolCall) -> Called:
        """Return what the language model called; ToolError ``arguments`` says what is wrong with it."""
        tool = next((t for t in self.tools if t.ask_model and t.slug == call.name), None)
        if tool is None:
            names = ", ".join(t.slug for t in self.tools if t.ask_model)
            raise ToolError("arguments", f"there is no tool {call.name[:80]!r}; there are: {names}")
        try:
            arguments = orjson.loads(call.arguments or "{}")  # NaN and half characters are none of JSON
        except orjson.JSONDecodeError:
            raise ToolError("arguments", "the arguments are not JSON") from None
        if isinstance(arguments, dict):
            arguments = with_defaults(tool.parameters, arguments)
        if problems := argument_problems(tool.parameters, arguments):
            raise ToolError("arguments", "; ".join(problems)[:500])
        return Called(tool, arguments, by=MODEL)

    def offered_by(self, said: str, heard: str = "") -> Called | None:
        """Return the transfer that the next turn may call.

        With a yes, where the assistant offered it (需要为您转人工吗？); with more anger, where the caller is
        angry.
        """
        for tool in self.tools:
            if tool.hands_over and (asks_or_announces(said) or matching.offers(said, tool.phrases)):
                return Called(tool, with_defaults(tool.parameters, {}), by=OFFER)
        if (transfer := self.transfer) and is_angry(heard):
            return Called(transfer, with_defaults(transfer.parameters, {}), by=ANGER)
        return None

    async def run(self, called: Called, run: ToolRun, *, turn: int) -> None:
        """Do it; ``run`` has the result or the error afterwards, or later when this is cancelled."""
        task = asyncio.create_task(self._carry_out(called, run, turn), name=f"tool-{called.tool.slug}")
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)
        await asyncio.shield(task)

    async def _carry_out(self, called: Called, run: ToolRun, turn: int) -> None:
        tool = called.tool
        self._emit(CallEvent.TOOL_STARTED, turn, name=tool.slug, by=called.by, arguments=called.arguments)
        began = time.perf_counter()
        try:
            run.result = await self._result(called, turn)
            run.error = {}
        except ToolError as exc:
            run.error = exc.as_dict()
            logger.warning("call %s: tool %s: %s", self.about.get("call_id"), tool.slug, exc.message)
        run.ms = round((time.perf_counter() - began) * 1000)
        self._emit(CallEvent.TOOL_FINISHED, turn, name=tool.slug, ms=run.ms, error=run.error)

    async def _result(self, called: Called, turn: int) -> Any:
        if not called.tool.url:
            return None
        about = {**self.about, "turn": turn}
        request = build(called.tool, called.arguments, about, request_id=str(uuid.uuid4()), now_s=time.time())
        return (await self._send(request)).result
