"""What a tool is for a call, and what a run of it was. Pure.

::

    called = Called(tool, {"order": "1024"}, by=MODEL)
    run = ToolRun.of(called)
    run.as_dict()        # for the record of the turn: no header and no key is in it
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from aiker.calls.tools.schema import needs_nothing

MOST_RESULT_CHARS = 2000  # of a result that the record of a turn keeps

PHRASE, MODEL, OFFER, ANGER = "phrase", "model", "offer", "anger"
"""Who called: the caller's own words, the language model, a yes to what the assistant had offered, or a
caller who is angry for the second time in a row."""


class Kind(StrEnum):
    TRANSFER = "transfer"
    HANG_UP = "hang_up"
    WEBHOOK = "webhook"
    LOOKUP = "lookup"


class ToolError(Exception):
    """A tool did not do what it is for.

    ``code`` is a stable word: ``arguments``, ``host``, ``unreachable``, ``timeout``, ``status``,
    ``redirect``, ``too_large``, ``not_json``, ``template``, ``secrets``, ``unfinished``. The message holds
    no secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as an operator declared it; what each field means stands in ``tools.models.Tool``."""

    slug: str
    name: str
    kind: Kind
    description: str
    parameters: dict[str, Any]
    phrases: tuple[str, ...] = ()
    ask_model: bool = False
    confirm: str = ""
    progress: str = ""
    answer: str = ""
    failure: str = ""
    target: str = ""
    method: str = "POST"
    url: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    signing_key: str = field(default="", repr=False)
    timeout_s: float = 5.0
    broken: str = ""  # why its request cannot be made at all

    @property
    def ends_call(self) -> bool:
        return self.kind in (Kind.TRANSFER, Kind.HANG_UP)

    @property
    def hands_over(self) -> bool:
        """Whether it transfers a caller who has said no more than that they want a person."""
        return self.kind is Kind.TRANSFER and needs_nothing(self.parameters)

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as the language model is told of it."""
        function = {"name": self.slug, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    @property
    def sentences(self) -> list[str]:
        """What is always said in the same words."""
        said = (self.confirm, self.progress, self.answer, self.failure)
        return [text for text in said if text and "{" not in text]


@dataclass(frozen=True, slots=True)
class Called:
    """A tool that is to be run; ``confirmed`` when the caller said yes to its question."""

    tool: ToolSpec
    arguments: dict[str, Any] = field(default_factory=dict)
    by: str = PHRASE
    confirmed: bool = False


UNFINISHED = ToolError("unfinished", "the caller went on before it was done; the request may have arrived")


@dataclass(slots=True)
class ToolRun:
    """One run, as the turn's record has it: ``result`` or ``error``, and how long it took in ms."""

    name: str
    kind: str
    by: str
    arguments: dict[str, Any]
    result: Any = None
    error: dict[str, str] = field(default_factory=dict)
    ms: int | None = None

    @classmethod
    def of(cls, called: Called) -> ToolRun:
        """Return the run before it has ended, which is how it stays when the caller interrupts."""
        tool = called.tool
        return cls(tool.slug, tool.kind.value, called.by, called.arguments, error=UNFINISHED.as_dict())

    def as_dict(self) -> dict[str, Any]:
        shown = asdict(self)
        text = as_text(self.result)
        if len(text) > MOST_RESULT_CHARS:
            shown["result"] = text[:MOST_RESULT_CHARS] + "…"
        return shown


def as_text(result: Any) -> str:
    """Return a result as the language model reads it."""
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
