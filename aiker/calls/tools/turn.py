"""What tools do in one answer: run, say something meanwhile, say what came of it.

::

    tools = ToolTurn(desk, stage, number=3, pending=None)
    if called := tools.called_by(text): await tools.perform(called)
    elif tools.offered: await tools.converse(messages, otherwise="这个我不太清楚。")
    tools.runs, tools.asks, tools.ending, tools.target       # for the record and the conversation

Nothing is run before the turn is certain. One sentence at most is said while something runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiker.calls import prompt
from aiker.calls.models import EndReason
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.spec import MODEL, Called, Kind, ToolError, ToolRun, ToolSpec, as_text
from aiker.calls.tools.template import fill
from aiker.calls.tools.written import Reading, exchange
from engines.adapters.llm_adapter import Message, ToolCall
from engines.errors import EngineError

logger = logging.getLogger(__name__)

MOST_RUNS = 3  # in one turn
MOST_RESULT_CHARS = 1000  # of a result that the language model reads


class Stage(Protocol):
    """What an answer can do for its tools (``reply.Reply``)."""

    async def certain(self) -> None:
        """Return when the caller's turn is over."""

    async def recite(self, text: str) -> None:
        """Say a fixed text."""

    async def say(self, pieces: AsyncIterator[str]) -> None:
        """Say a text while it is written."""

    def ask(self, messages: list[Message], tools: Sequence[dict[str, Any]]) -> AsyncIterator[str | ToolCall]:
        """Ask the language model."""

    def about(self, result: str, title: str) -> list[Message]:
        """Return the messages that ask for an answer to the caller from a result."""

    @property
    def has_spoken(self) -> bool: ...

    def reached(self, moment: str) -> None:
        """Note a moment of ``latency.Timeline``, the first time that it is reached."""


@dataclass(slots=True)
class ToolTurn:
    """See the module. ``asks`` waits for a yes in the next turn; ``ending`` ends the call, all being said."""

    desk: ToolDesk
    stage: Stage
    number: int
    goodbye: str
    pending: Called | None = None
    runs: list[ToolRun] = field(default_factory=list)
    acted: bool = False  # something was begun that must not be begun again
    asks: Called | None = None
    ending: EndReason | None = None
    target: str = ""

    @property
    def offered(self) -> list[dict[str, Any]]:
        """The tools that the language model may call."""
        return self.desk.definitions

    def called_by(self, text: str) -> Called | None:
        """Return the tool that the caller's words call without the language model."""
        return self.desk.by_words(text, self.pending)

    async def perform(self, called: Called) -> None:
        """Run a tool that the caller's own words called, and say what came of it."""
        run = await self._run(called)
        if run is None or await self._said(called, run):
            return
        about = self.stage.about(as_text(run.result)[:MOST_RESULT_CHARS], called.tool.name)
        await self.stage.say(Reading(self.stage.ask(about, ())).rest())

    async def converse(self, messages: list[Message], otherwise: str = "") -> None:
        """Let the language model answer or call tools; ``otherwise`` is said in place of its own words."""
        messages, mended = list(messages), False
        for _ in range(MOST_RUNS):
            reading = Reading(self.stage.ask(messages, self.offered))
            first = await reading.first()
            self.stage.reached("first_token")
            if first and otherwise:
                await reading.close()
                await self.stage.recite(otherwise)
                return
            if first:
                await self.stage.say(reading.rest())
            call = reading.call
            if call is None:
                return
            try:
                called = self.desk.by_model(call)
            except ToolError as exc:
                await self._refused(call, exc, last=mended)
                if mended:
                    return
                mended = True
                messages += exchange(call, f"error: {exc.message}")
                continue
            run = await self._run(called)
            if run is None or await self._said(called, run):
                return
            result = prompt.harmless(as_text(run.result))[:MOST_RESULT_CHARS]
            messages, otherwise = [*messages, *exchange(call, result)], ""
        raise EngineError("llm", "broken", f"the language model called tools {MOST_RUNS} times in one turn")

    async def _refused(self, call: ToolCall, error: ToolError, *, last: bool) -> None:
        """Keep a call that cannot be run; the second time the caller hears that it failed."""
        written = call.arguments[:500].encode(errors="replace").decode()
        failed = ToolRun(call.name[:80].encode(errors="replace").decode(), "", MODEL, {"as written": written})
        failed.error = error.as_dict()
        self.runs.append(failed)
        if last:
            tool = next((t for t in self.desk.tools if t.slug == call.name), None)
            await self.stage.certain()
            await self.stage.recite(tool.failure if tool else self.desk.tools[0].failure)

    async def _run(self, called: Called) -> ToolRun | None:
        """Run a tool; None when the caller is asked first."""
        tool, run = called.tool, ToolRun.of(called)
        if tool.confirm and not called.confirmed:
            await self._ask_first(called, run)
            return None
        await self.stage.certain()
        self.acted = True
        self.runs.append(run)
        work = asyncio.ensure_future(self.desk.run(called, run, turn=self.number))
        if tool.url and tool.progress and not self.stage.has_spoken:
            await self.stage.recite(tool.progress)
        await work
        self.stage.reached("tool")
        return run

    async def _ask_first(self, called: Called, run: ToolRun) -> None:
        try:
            question = fill(called.tool.confirm, called.arguments)
        except ToolError as exc:
            run.error = exc.as_dict()
            self.runs.append(run)
            question = called.tool.failure
        else:
            self.asks = called
        await self.stage.recite(question)

    async def _said(self, called: Called, run: ToolRun) -> bool:
        """Say what came of it in the tool's own words; False when it has none for a result."""
        tool = called.tool
        try:
            said = fill(tool.answer, values_of(run)) if not run.error else tool.failure
        except ToolError as exc:
            run.error, said = exc.as_dict(), tool.failure
        if not said and tool.kind is not Kind.HANG_UP:
            return False
        try:
            await self.stage.recite(said or self.goodbye)
        except EngineError as exc:
            if run.error or not tool.ends_call:
                raise
            # A caller who cannot be told is all the better off with a person.
            logger.warning("%s was not announced: %s", tool.slug, exc.message)
        if not run.error:
            self._end(tool)
        return True

    def _end(self, tool: ToolSpec) -> None:
        if tool.kind is Kind.TRANSFER:
            self.ending, self.target = EndReason.TRANSFERRED, tool.target
        elif tool.kind is Kind.HANG_UP:
            self.ending = EndReason.ASSISTANT_HUNG_UP


def values_of(run: ToolRun) -> dict[str, Any]:
    """Return what a sentence may be filled with: the arguments, and before them what came back."""
    fields = run.result if isinstance(run.result, dict) else {}
    return {**run.arguments, "result": run.result, **fields}
