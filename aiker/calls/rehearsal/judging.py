"""What is wrong with an answer of a draft, by rules, beside what callers hear now. Pure.

::

    live = Said("日卡80元一天。", sources=("共享工位日卡80元一天。",))
    draft = Said("日卡90元一天。", sources=("共享工位日卡90元一天。",))
    found = judge(draft, live, Expected("日卡多少钱"), today=date.today())
    found[0].level, found[0].code, found[0].details       # Level.CHANGED, "new_figure", ("90元",)

False is what no caller may be told, whoever edited it: what a golden question forbids, a figure or a yes
that the answer's own sources do not hold, an offer that is over, an answer to what the base does not know.
Changed is a fact that callers are told otherwise today: right or wrong, only an operator knows, and confirms
it. Lost is a question that is answered today and would not be. What is as wrong in the live answer is marked
``already``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from aiker.calls.rehearsal.expiry import expired, still_valid
from aiker.calls.rehearsal.figures import Figure, figures, unsupported
from aiker.calls.rehearsal.polarity import answer_signs, opposed, signs
from knowledge.golden_file import says

Fact = str | list[str]


class Level(StrEnum):
    """How bad a finding is; the worst comes first."""

    FALSE = "false"
    CHANGED = "changed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a question; without a golden question only ``question`` and ``answerable``.

    ``answerable`` None: it is not known whether the base answers it. ``presses``: it is no question, but a
    caller who will not take the answer before; only what is false is looked for.
    """

    question: str
    answerable: bool | None = None
    must_say: Sequence[Fact] = ()
    must_not_say: Sequence[Fact] = ()
    presses: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """An answer and the passages it was made from.

    ``instructions`` are the words that the operator gave the assistant, where figures may come from, too.
    ``stands`` is the same assistant's answer before in the conversation: whoever insists must not turn it.
    ``nearest``: the assistant says that it does not know, and what its nearest entry says.
    ``understood``: recognition heard what was asked, not another question.
    """

    text: str
    sources: tuple[str, ...] = ()
    instructions: str = ""
    stands: str = ""
    declined: bool = False
    error: str = ""
    nearest: bool = False
    understood: bool = True

    @property
    def entry(self) -> str:
        """The title of the entry that it comes from first."""
        return self.sources[0].partition("：")[0] if self.sources else ""

    @property
    def is_answer(self) -> bool:
        return bool(self.text.strip()) and not self.declined and not self.error


@dataclass(frozen=True, slots=True)
class Finding:
    """``details`` are words of the answers; ``already``: the live answer is as wrong."""

    level: Level
    code: str
    details: tuple[str, ...] = ()
    already: bool = field(default=False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "level": self.level.value,
            "code": self.code,
            "details": list(self.details),
            "already": self.already,
        }


MIN_CHINESE_SHARE = 0.3
MAX_REPEATS = 3
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
_MARKUP = re.compile(r"```|^#{1,4} |\*\*|<\|?\w+\|?>|资料：|客户问：", re.MULTILINE)
_LOOP = re.compile(rf"(.{{4,}}?)\1{{{MAX_REPEATS - 1},}}", re.DOTALL)


def judge(draft: Said, live: Said, expected: Expected, today: date) -> list[Finding]:
    """Return what is wrong with the draft's answer, the worst first."""
    before = {finding.code: finding for finding in wrong(live, expected, today)}
    found = [
        replace(finding, already=_as_bad(finding, before.get(finding.code)))
        for finding in wrong(draft, expected, today)
    ]
    # An answer to what nobody asked is no answer that callers get today.
    if not expected.presses and (draft.understood or live.understood):
        found += lost(draft, live, expected) + changed(draft, live, expected.question)
    order = list(Level)
    return sorted(found, key=lambda finding: order.index(finding.level))


def wrong(said: Said, expected: Expected, today: date) -> list[Finding]:
    """Return what is false in an answer by itself."""
    forbidden = [shown(fact) for fact in expected.must_not_say if says(said.text, spellings(fact))]
    found: list[tuple[str, Iterable[str]]] = [("forbidden", forbidden)]
    if said.is_answer:
        ours, theirs = answer_signs(said.text, expected.question), signs("。".join(said.sources))
        found += [
            ("unanswerable", [said.text] if expected.answerable is False and not said.nearest else []),
            ("unsupported_figure", map(str, _unsupported(said, expected.question))),
            ("contradicts_source", opposed(ours, theirs)),
            ("expired", spoken_expired(said, today)),
            ("not_speakable", unspeakable(said.text)),
            ("gave_way", opposed(ours, signs(said.stands))),
        ]
    listed = [(code, tuple(details)) for code, details in found]
    return [Finding(Level.FALSE, code, details) for code, details in listed if details]


def lost(draft: Said, live: Said, expected: Expected) -> list[Finding]:
    """Return what callers are told today and would not be told."""
    if expected.answerable is False or not live.is_answer or live.nearest:
        return []
    if not draft.is_answer:
        return [
            Finding(Level.LOST, "failed" if draft.error else "refused", (draft.error,) if draft.error else ())
        ]
    facts = [
        shown(fact)
        for fact in expected.must_say
        if says(live.text, spellings(fact)) and not says(draft.text, spellings(fact))
    ]
    return [Finding(Level.LOST, "lost_fact", tuple(facts))] if facts else []


def changed(draft: Said, live: Said, question: str) -> list[Finding]:
    """Return the facts that one side tells and the other knows otherwise, or not at all.

    Compared with all that the other side had before it, not with its words alone: two answers may pick
    different facts of the same entry.
    """
    if not (draft.is_answer and live.is_answer) or draft.text == live.text:
        return []
    if (draft.nearest or live.nearest) and draft.entry != live.entry:
        return []  # another entry is near: nobody was told that either answers the question
    known_live, known_draft = evidence(live, question), evidence(draft, question)
    found = [
        ("new_figure", tuple(map(str, unsupported(figures(draft.text), known_live)))),
        ("gone_figure", tuple(map(str, unsupported(figures(live.text), known_draft)))),
        ("turned", tuple(turned(draft, live, question))),
    ]
    return [Finding(Level.CHANGED, code, details) for code, details in found if details]


def turned(draft: Said, live: Said, question: str) -> list[str]:
    """Return what one answer affirms, and the other, or its sources, deny."""
    ours, theirs = answer_signs(draft.text, question), answer_signs(live.text, question)
    before, after = signs("。".join(live.sources)), signs("。".join(draft.sources))
    return sorted({*opposed(ours, theirs), *opposed(ours, before), *opposed(theirs, after)})


def evidence(said: Said, question: str) -> frozenset[Figure]:
    """Return the figures that were known where an answer was made, those of the caller included."""
    return figures(said.text) | _known(said, question)


def spoken_expired(said: Said, today: date) -> list[str]:
    """Return what the answer takes from offers that are over: their sentence, or a figure only they have."""
    over = [sentence for source in said.sources for sentence in expired(source, today)]
    valid = [still_valid(source, today) for source in said.sources]
    only_there = figures("。".join(over)) - figures("。".join(valid))
    return [*expired(said.text, today), *sorted(map(str, figures(said.text) & only_there))]


def unspeakable(text: str) -> list[str]:
    """Return what no Mandarin caller should hear: another language, markup, the prompt, a loop."""
    letters = _LETTER.findall(text)
    found = [match[0] for match in (_MARKUP.search(text), _LOOP.search(text)) if match]
    if len(letters) >= 12 and len(_CHINESE.findall(text)) < MIN_CHINESE_SHARE * len(letters):
        found.append(text)
    return found


def spellings(fact: Fact) -> list[str]:
    return [fact] if isinstance(fact, str) else list(fact)


def shown(fact: Fact) -> str:
    return " / ".join(spellings(fact))


def _known(said: Said, question: str) -> frozenset[Figure]:
    """Return the figures of sources and question, and what prices come to for the number that is asked."""
    stated, asked = figures("。".join((*said.sources, said.instructions))), figures(question)
    products = {
        Figure(f"{(Decimal(of.value) * Decimal(times.value)).normalize():f}", of.unit)
        for of in stated
        for times in asked
        if of.unit == "元"
    }
    return stated | asked | products


def _unsupported(said: Said, question: str) -> list[Figure]:
    return unsupported(figures(said.text), _known(said, question))


def _as_bad(finding: Finding, before: Finding | None) -> bool:
    """Whether the live answer is wrong in the same way, in nothing less."""
    if before is None:
        return False
    return finding.code == "unanswerable" or set(finding.details) <= set(before.details)
