"""What is said to a question: a fixed text, or what the language model makes of these messages. Pure.

::

    passages = shown(found.passages)
    if fixed := fixed_answer(question, found, plan.no_answer):
        ...                                            # said as it stands
    else:
        messages(plan.system_prompt, history, question, passages)     # given to the language model

Calls, the page where a question is tried, and the check of golden answers decide here, so that they cannot
differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aiker.calls import prompt
from aiker.calls.small_talk import is_small_talk
from engines.adapters.llm_adapter import Message
from knowledge.fusion import Passage
from knowledge.rag import Found


def shown(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """Return passages as the language model, the record of a turn and its event have them."""
    return [{"key": p.key, "title": p.title, "text": p.text, "score": round(p.score, 3)} for p in passages]


def fixed_answer(question: str, found: Found | None, no_answer: str) -> str:
    """Return what is said without the language model; empty: it is asked.

    That is an entry to be spoken as written, or, where the knowledge has nothing, that it has nothing: in the
    words of the declined questions that are nearest, or in those of the assistant.
    ``found`` is None when nothing was searched.
    """
    if found is None or found.spoken:
        return found.spoken if found else ""
    if found.passages or is_small_talk(question):
        return ""
    return found.refusal or no_answer


def messages(
    system_prompt: str, history: Sequence[Message], question: str, passages: Sequence[dict[str, Any]]
) -> list[Message]:
    """Return what the language model is given to answer ``question`` from ``passages`` (``shown``)."""
    return prompt.conversation(system_prompt, history, prompt.question(question, passages))
