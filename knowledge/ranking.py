"""The final order of the passages that were found: which of several alike is the one that is asked for. Pure.

::

    by_merit(Question("大会议室订三个小时多少钱"), passages)     # 大会议室 before 小会议室, which is as near

Entries of one kind (rooms, branches, plans) lie so close together that an embedding cannot tell them apart.
What tells them apart is what some of the candidates have and others do not: a word, a pair of characters, a
figure, a
weekday. The weights were chosen on the development questions (docs/knowledge.md, "What was measured").
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from knowledge.answer_types import asked_kind, tells
from knowledge.fusion import Passage
from knowledge.grounding.days import days_in
from knowledge.grounding.figures import Figure, figures_in
from knowledge.names import names_in

KEYWORD_WEIGHT = 0.07
"""What the best BM25 score of all candidates counts beside similarity, the others in proportion."""
MARK_WEIGHT = 0.01
MAX_MARKS = 12.0
"""Bits of distinguishing marks that count: a long question must not outweigh meaning."""
DAY_WEIGHT = 0.05
"""What hours of the day that is asked count, and those of other days the other way."""
NAME_WEIGHT = 0.08
"""What a name counts that the question and the entry have: 企业版, 静安店."""
TYPE_WEIGHT = 0.05
"""What it counts that an entry tells the kind of thing that is asked: an amount, a time, a number."""
DENIED = 0.2
"""What it counts against an entry that it speaks of what the caller does not mean."""
OTHER_FIGURE = 0.3
"""What it counts against an entry that its title names another figure: 4人办公室 is not 六人间."""
_PAIR = re.compile(r"(?=([\u4e00-\u9fff]{2}))")
_LATIN = re.compile(r"[a-z][a-z0-9]+")


class Question(NamedTuple):
    """What is asked, what it leans on, and what the caller says is not meant; each may be empty."""

    text: str
    context: str = ""
    denied: str = ""


def by_merit(asking: Question, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages in the order of similarity, words, and the marks that distinguish them, from 1.

    The context adds its marks, and what the question does not say itself.
    """
    question, context, denied = asking
    leaning = f"{context} {question}".strip()
    asked, days = marks(leaning), days_in(question) or days_in(context)
    figures, names = figures_in(question) or figures_in(context), names_in(question) or names_in(context)
    kind = asked_kind(question)
    held = [asked & marks(f"{passage.title}。{passage.text}") for passage in passages]
    count = Counter(mark for found in held for mark in found)
    most = max((passage.keyword_score for passage in passages), default=0.0) or 1.0

    def merit(index: int) -> float:
        passage = passages[index]
        whole = f"{passage.title}。{passage.text}"
        telling = sum(math.log2(len(passages) / count[mark]) for mark in held[index])
        return (
            passage.score
            + KEYWORD_WEIGHT * passage.keyword_score / most
            + MARK_WEIGHT * min(telling, MAX_MARKS)
            + _fit_of_days(days, days_in(whole))
            + (NAME_WEIGHT if any(name in whole for name in names) else 0.0)
            + (TYPE_WEIGHT if kind and tells(kind, whole) else 0.0)
            - (DENIED if denied and denied in whole else 0.0)
            - (OTHER_FIGURE if names_other_figure(figures, passage.title) else 0.0)
        )

    order = sorted(range(len(passages)), key=lambda index: (-merit(index), index))
    return tuple(replace(passages[index], rank=rank) for rank, index in enumerate(order, start=1))


def names_other_figure(asked: frozenset[Figure], title: str) -> bool:
    """Whether a title is of another size or number than the question names: 4人办公室 for 六人间."""
    named = figures_in(title)
    units = {figure.unit for figure in asked} & {figure.unit for figure in named} - {""}
    return bool(units) and not any(figure in named for figure in asked if figure.unit in units)


def marks(text: str) -> set[str]:
    """Return what may tell one text from another: pairs of characters, figures, Latin words."""
    pairs = {match[1] for match in _PAIR.finditer(text)}
    figures = {f"{figure.value}{figure.unit}" for figure in figures_in(text)}
    return pairs | figures | set(_LATIN.findall(text.lower()))


def _fit_of_days(asked: set[int], held: set[int]) -> float:
    if not asked or not held:
        return 0.0
    return DAY_WEIGHT if asked <= held else -DAY_WEIGHT
