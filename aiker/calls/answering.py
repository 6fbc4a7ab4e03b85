"""What is said to a question, and who words it: a fixed text, or the language model from these messages.
Pure.

::

    decision = decide(question, found, plan, now)
    if decision.text:
        ...                                            # said as it stands; decision.way says why
    else:
        shown_passages = shown(found.passages)
        messages(plan.system_prompt, history, question, shown_passages)     # given to the language model
        grounding(question, found, plan, now)                               # checks what it answers

Calls, ``manage.py ask``, the page where a question is tried, and the check of golden answers decide here, so
that they cannot differ.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from aiker.calls import computed, dictation, prompt
from aiker.calls.completeness import asks_for_number
from aiker.calls.grounded import Grounding
from aiker.calls.manners import Manner, manner_of
from aiker.calls.small_talk import is_small_talk
from aiker.calls.transfer_requests import (
    asks_for_person,
    hotline_among,
    next_line,
    offers_transfer,
    without_offer,
)
from engines.adapters.llm_adapter import Message
from knowledge.fusion import Passage
from knowledge.grounding.guard import Guard
from knowledge.rag import Found, sentence

NEAREST = "这个我不太清楚，我知道的是："
"""Said before an entry's words that may not be what was asked."""
GO_ON = "您请说。"
"""Said to who wants to speak and does not go on."""
OTHER_UNKNOWN = "另外那个问题我不太清楚。"
"""Said behind an entry's words when another question of the same sentence has no answer."""


class Way(StrEnum):
    """Which way an answer came; kept with each turn."""

    MANNER = "manner"  # about the conversation itself: say it again, wait, goodbye
    COMPUTED = "computed"  # the time, the day
    WRITTEN = "written"  # the words of an entry
    NEAREST = "nearest"  # the words of an entry that may not be what was asked, and that it is not known
    REFUSED = "refused"  # the base has no answer
    MODEL = "model"  # worded by the language model, checked by the guard


class Decision(NamedTuple):
    """``text`` is said as it stands; empty: the language model is asked."""

    way: Way
    text: str = ""


class Words(Protocol):
    """What an assistant says word for word (``CallPlan``)."""

    @property
    def greeting(self) -> str: ...
    @property
    def goodbye(self) -> str: ...
    @property
    def no_answer(self) -> str: ...
    @property
    def no_transfer(self) -> tuple[str, ...]: ...
    @property
    def can_transfer(self) -> bool: ...
    @property
    def there_answer(self) -> str: ...
    @property
    def hold_answer(self) -> str: ...
    @property
    def machine_answer(self) -> str: ...


def shown(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """Return passages as the language model, the record of a turn and its event have them."""
    return [{"key": p.key, "title": p.title, "text": p.text, "score": round(p.score, 3)} for p in passages]


def decide(
    question: str,
    found: Found | None,
    words: Words,
    now: datetime.datetime,
    history: Sequence[Message] = (),
) -> Decision:
    """Return what is said without the language model, or that it is asked.

    Without it is said what manners ask for, what the clock knows, an entry's own words where they answer
    surely, and, where the knowledge has nothing, that it has nothing: in the words of the declined questions
    that are nearest, or in those of the assistant. ``found`` is None when nothing was searched. A caller who
    asks for a person where nobody can be handed over is told so, in the line that ``history`` does not have.
    """
    last = history[-1]["content"] if history else ""
    if text := dictation.reply_to(question, last):
        return Decision(Way.MANNER, text)
    if number := dictation.dictated(question, expected=waits_for_number(last)):
        return Decision(Way.MANNER, dictation.read_back(number))
    if text := mannerly(manner_of(question), words):
        return Decision(Way.MANNER, text)
    if text := computed.clock_answer(question, now):
        return Decision(Way.COMPUTED, text)
    if asks_for_person(question) and not words.can_transfer:
        return Decision(Way.REFUSED, no_transfer(words.no_transfer, history, found))
    if found is None:
        return Decision(Way.MODEL)
    if found.spoken:
        text = dated(question, with_cautions(found), now) + (OTHER_UNKNOWN if found.is_partial else "")
        return Decision(Way.NEAREST if found.is_nearest else Way.WRITTEN, text)
    if found.written and (text := dated(question, found.written, now)) != found.written:
        return Decision(Way.WRITTEN, text)  # the model does not know what the clock does
    if found.passages or is_small_talk(question):
        return Decision(Way.MODEL)
    refusal = kept_offer(found.refusal or words.no_answer, words)
    return Decision(Way.REFUSED, refusal) if refusal else Decision(Way.MODEL)


def waits_for_number(last_said: str) -> bool:
    """Whether the assistant, who said this last, asked for a number, or read one back."""
    return asks_for_number(last_said) or dictation.is_to_be_said_again(last_said)


def expected_words(last_said: str) -> str:
    """Return what recognition is to expect behind what the assistant said last; "": nothing in particular."""
    return dictation.EXPECTED_WORDS if waits_for_number(last_said) else ""


def context_of(question: str, before: str) -> str:
    """Return what a question may lean on: thanks and greetings ask nothing of what was spoken of."""
    return "" if is_small_talk(question) else before


def topic_after(question: str, found: Found | None, before: str) -> str:
    """Return what the next question may lean on: past thanks and greetings, what this one could have."""
    if is_small_talk(question) and not (found and found.passages):
        return before
    return found.topic if found else question


def with_cautions(found: Found) -> str:
    """Return an entry's words, or those of each part, with the caution where it may not be what was asked."""
    parts = [part for part in found.parts if part.passages] or [found]
    texts = dict.fromkeys((NEAREST if part.is_nearest else "") + sentence(part.spoken) for part in parts)
    return "".join(texts)


def dated(question: str, text: str, now: datetime.datetime) -> str:
    """Return an entry's words behind what the clock adds: which day was asked, whether it is open now."""
    return (computed.open_now(question, text, now) or computed.day_spoken_of(question, now)) + text


def grounding(question: str, found: Found | None, words: Words, now: datetime.datetime) -> Grounding:
    """Return what checks the language model's answer, by the passages and the clock."""
    sources = [f"{p.title}：{p.text}" for p in found.passages] if found else []
    otherwise = found.written if found else ""
    if not otherwise:
        otherwise = words.there_answer if is_small_talk(question) else kept_offer(words.no_answer, words)
    return Grounding(Guard(question, sources, (computed.clock_facts(now),)), otherwise)


def kept_offer(refusal: str, words: Words) -> str:
    """Return a refusal without the offer of a transfer, where none is in use."""
    return without_offer(refusal) if offers_transfer(refusal) and not words.can_transfer else refusal


def no_transfer(lines: Sequence[str], history: Sequence[Message], found: Found | None) -> str:
    """Return that nobody can be handed over; the first time with the hotline that was found, if any was."""
    line = next_line(lines, history)
    if not found or line not in lines[:1]:
        return line
    return line + hotline_among([found.spoken, *(passage.text for passage in found.passages)])


def mannerly(manner: Manner, words: Words) -> str:
    """Return what is said to a manner; what is repeated when nothing was answered yet is the greeting."""
    match manner:
        case Manner.WAIT:
            return words.hold_answer
        case Manner.THERE:
            return words.there_answer
        case Manner.GOODBYE:
            return words.goodbye
        case Manner.MACHINE:
            return words.machine_answer
        case Manner.REPEAT | Manner.SLOWER:
            return words.greeting
        case Manner.LISTEN | Manner.LEAD_IN:
            return GO_ON
    return ""


def messages(
    system_prompt: str,
    history: Sequence[Message],
    question: str,
    passages: Sequence[dict[str, Any]],
) -> list[Message]:
    """Return what the language model is given to answer ``question`` from ``passages`` (``shown``)."""
    return prompt.conversation(system_prompt, history, prompt.question(question, passages))
