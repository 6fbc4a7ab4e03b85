"""What the language model was given in a turn, made again from the record. Pure.

::

    asked = asked_in(turns, number=3, apology=assistant.apology)
    asked.question, asked.history, asked.before
    asked.messages(system_prompt)      # as ``answering`` makes them in a call

A call stores words, not prompts. What the record does not hold is the system prompt of then, and what stood
behind a key of the telephone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiker.calls import answering
from aiker.calls.earlier import mend
from aiker.calls.manners import Manner
from aiker.calls.memory import remember
from engines.adapters.llm_adapter import Message
from knowledge.rag import topic_of


class SaidTurn(Protocol):
    """What is needed of a ``Turn``."""

    number: int
    user_text: str
    heard_text: str
    manner: str
    passages: Any
    retrieval: dict[str, Any]
    routing: dict[str, Any]
    error: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A turn's question as it was answered; ``before`` is what a question such as 那个多少钱 leans on."""

    question: str
    passages: list[dict[str, Any]]
    before: str = ""
    history: list[Message] = field(default_factory=list)
    last_answer: str = ""  # what a repetition repeats

    def messages(self, system_prompt: str) -> list[Message]:
        return answering.messages(system_prompt, self.history, self.question, self.passages)


def asked_in(turns: Iterable[SaidTurn], number: int, apology: str) -> Asked:
    """Return what was asked in the turn ``number`` of all ``turns`` of a call; KeyError: there is none."""
    history: list[Message] = []
    question = before = ""
    for turn in sorted(turns, key=lambda turn: turn.number):
        repeats = turn.manner != "" and Manner(turn.manner).repeats
        if turn.number == number:
            # A question that is asked again does not find its broken answer there.
            kept = history[:-2] if repeats else history
            last = str(history[-1]["content"]) if history else ""
            asked = question if repeats and question else turn.user_text
            return Asked(asked, turn.passages, before, list(kept), last)
        if repeats:
            mend(history, turn.heard_text)
        elif turn.user_text and not turn.manner:
            before = topic_of(turn.user_text, before) if "query" in turn.retrieval else turn.user_text
            question = turn.user_text
            said = apology if turn.error and not turn.heard_text else turn.heard_text
            remember(history, turn.user_text, said)
    raise KeyError(number)


def was_asked(turn: SaidTurn) -> bool:
    """Whether the language model had a part in a turn, if only by failing."""
    return "llm" in turn.routing or (bool(turn.error) and turn.error.get("stage") == "llm")
