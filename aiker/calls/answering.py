"""What is said to a question: a fixed text, or what the language model makes of these messages. Pure.

::

    passages = shown(found.passages)
    if fixed := fixed_answer(question, found, plan):
        ...                                            # said as it stands
    else:
        messages(plan.system_prompt, history, question, passages)     # given to the language model

Calls, the page where a question is tried, and the check of golden answers decide here, so that they cannot
differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from aiker.calls import prompt
from aiker.calls.manners import Manner, manner_of
from aiker.calls.small_talk import is_small_talk
from engines.adapters.llm_adapter import Message
from knowledge.fusion import Passage
from knowledge.rag import Found


class Words(Protocol):
    """What an assistant says word for word (``CallPlan``)."""

    @property
    def greeting(self) -> str: ...
    @property
    def goodbye(self) -> str: ...
    @property
    def no_answer(self) -> str: ...
    @property
    def there_answer(self) -> str: ...
    @property
    def hold_answer(self) -> str: ...


def shown(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """Return passages as the language model, the record of a turn and its event have them."""
    return [{"key": p.key, "title": p.title, "text": p.text, "score": round(p.score, 3)} for p in passages]


def fixed_answer(question: str, found: Found | None, words: Words) -> str:
    """Return what is said without the language model; empty: it is asked.

    That is what manners ask for, an entry to be spoken as written, or, where the knowledge has nothing, that
    it has nothing: in the words of the declined questions that are nearest, or in those of the assistant.
    ``found`` is None when nothing was searched.
    """
    if manner := manner_of(question):
        return mannerly(manner, words)
    if found is None or found.spoken:
        return found.spoken if found else ""
    if found.passages or is_small_talk(question):
        return ""
    return found.refusal or words.no_answer


def mannerly(manner: Manner, words: Words) -> str:
    """Return what is said to a manner; what is repeated when nothing was answered yet is the greeting."""
    match manner:
        case Manner.WAIT:
            return words.hold_answer
        case Manner.THERE:
            return words.there_answer
        case Manner.GOODBYE:
            return words.goodbye
        case Manner.REPEAT | Manner.SLOWER:
            return words.greeting
    return ""


def messages(
    system_prompt: str, history: Sequence[Message], question: str, passages: Sequence[dict[str, Any]]
) -> list[Message]:
    """Return what the language model is given to answer ``question`` from ``passages`` (``shown``)."""
    return prompt.conversation(system_prompt, history, prompt.question(question, passages))
