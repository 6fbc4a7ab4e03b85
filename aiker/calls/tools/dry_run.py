"""A tool tried by hand: the request that would be sent, and what comes back when it is sent.

::

    shown_request(tool.spec(), {"order": "1024"})        # nothing is sent
    outcome = try_it(tool.spec(), {"order": "1024"})     # the same request, for real
    outcome.said                                         # what a caller would hear

The receiver finds ``"test": true`` in what it is sent.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiker.calls.tools import http
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.request import Request, build, shown
from aiker.calls.tools.spec import Called, ToolError, ToolRun, ToolSpec
from aiker.calls.tools.template import fill
from aiker.calls.tools.turn import values_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the result or the error, the ms it took, and the sentence that would be said."""

    result: Any = None
    error: ToolError | None = None
    ms: int = 0
    said: str = ""


def shown_request(tool: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the request without the values of its headers; ToolError when it cannot be made."""
    return shown(_request(tool, arguments), {name for name, _value in tool.headers})


def try_it(tool: ToolSpec, arguments: dict[str, Any]) -> Outcome:
    """Send the request and return what came; waits as long as a call would."""
    began = time.perf_counter()
    run = ToolRun.of(Called(tool, arguments))
    try:
        run.result = asyncio.run(http.send(_request(tool, arguments))).result
        said = fill(tool.answer, values_of(run))
    except ToolError as exc:
        return Outcome(run.result, exc, _ms(began), tool.failure)
    return Outcome(run.result, None, _ms(began), said)


def sentence_of_tool(tools: Sequence[ToolSpec], text: str) -> str:
    """Return what is said to an utterance that calls one of the tools by itself; nothing is run.

    Empty where it calls none, or one without a fixed sentence.
    """
    called = ToolDesk(tools, _tell_nobody, http.send).by_words(text, None)
    said = (called.tool.confirm or called.tool.answer) if called else ""
    return "" if "{" in said else said


def _tell_nobody(*_args: Any, **_data: Any) -> None:
    """Nothing runs, so there is nothing to tell."""


def _request(tool: ToolSpec, arguments: dict[str, Any]) -> Request:
    about = {"test": True, "call_id": "", "carrier_call_id": "", "caller": "", "assistant": "", "turn": 0}
    return build(tool, arguments, about, request_id=str(uuid.uuid4()), now_s=time.time())


def _ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
