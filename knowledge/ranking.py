"""The final order of the passages that were found: which of several alike is the one that is asked for. Pure.

::

    by_merit("大会议室订三个小时多少钱", passages)     # 大会议室 before 小会议室, which is as near by meaning

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

from knowledge.fusion import Passage
from knowledge.grounding.days import days_in
from knowledge.grounding.figures import Figure, figures_in

KEYWORD_WEIGHT = 0.07
"""What the best BM25 score of all candidates counts beside similarity, the others in proportion."""
MARK_WEIGHT = 0.01
MAX_MARKS = 12.0
"""Bits of distinguishing marks that count: a long question must not outweigh meaning."""
DAY_WEIGHT = 0.05
"""What hours of the day that is asked count, and those of other days the other way."""
OTHER_FIGURE = 0.3
"""What it counts against an entry that its title names another figure: 4人办公室 is not 六人间."""
_PAIR = re.compile(r"(?=([\u4e00-\u9fff]{2}))")
_LATIN = re.compile(r"[a-z][a-z0-9]+")


def by_merit(question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages in the order of similarity, words, and the marks that distinguish them; ranked from
    1."""
    asked, days, figures = marks(question), days_in(question), figures_in(question)
    held = [asked & marks(f"{passage.title}。{passage.text}") for passage in passages]
    count = Counter(mark for found in held for mark in found)
    most = max((passage.keyword_score for passage in passages), default=0.0) or 1.0

    def merit(index: int) -> float:
        passage = passages[index]
        telling = sum(math.log2(len(passages) / count[mark]) for mark in held[index])
        return (
            passage.score
            + KEYWORD_WEIGHT * passage.keyword_score / most
            + MARK_WEIGHT * min(telling, MAX_MARKS)
            + _fit_of_days(days, days_in(f"{passage.title}。{passage.text}"))
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
