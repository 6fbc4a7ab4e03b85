"""An entry's own words as the answer to a question that may not be quite the entry's. Pure.

::

    as_written("多功能厅能坐一百个人吗", "可以，多功能厅坐60个人，1000元一小时。", same_question=False)
    # "多功能厅坐60个人，1000元一小时。": the entry's yes answers its own question, not this one
    excerpt(long_text, question)         # the sentences of an article that speak of what is asked
"""

from __future__ import annotations

import re

from knowledge.grounding.figures import figures_in
from knowledge.grounding.polarity import asks_yes_or_no, bare_answer

MAX_CHARS = 90
"""A caller listens to about 20 s of an answer that was written to be read."""
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?")
_DENIAL = re.compile(r"[不没别除]|只能|非得")
_PAIR = re.compile(r"(?=([\u4e00-\u9fff]{2}|[A-Za-z]+|\d+))")


def as_written(question: str, text: str, *, same_question: bool) -> str:
    """Return what of an entry's text is true as the answer to ``question``.

    ``same_question``: the question surely is one of the entry's own wordings. Otherwise, or when the caller
    adds a
    figure or denies something, a yes or no that stands alone at the beginning is left out: it was written as
    the answer to another question. What the entry says of itself stays.
    """
    answer = bare_answer(text)
    if answer is None or len(answer.rest) < 2:
        return text
    meant = same_question and asks_yes_or_no(question)
    if meant and not figures_in(question) and not _DENIAL.search(_without_choice(question)):
        return text
    return answer.rest


def excerpt(text: str, question: str, max_chars: int = MAX_CHARS) -> str:
    """Return the sentences of a text that share most with the question, in their order, up to
    ``max_chars``."""
    if len(text) <= max_chars:
        return text
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]
    asked = _pairs(question)
    by_overlap = sorted(
        range(len(sentences)), key=lambda index: (-len(asked & _pairs(sentences[index])), index)
    )
    chosen: set[int] = set()
    for index in by_overlap:
        if chosen and sum(len(sentences[i]) for i in chosen) + len(sentences[index]) > max_chars:
            break
        chosen.add(index)
    return "".join(sentences[index] for index in sorted(chosen))


def _pairs(text: str) -> set[str]:
    return {match[1] for match in _PAIR.finditer(text)}


def _without_choice(question: str) -> str:
    """Return a question without its 能不能, 有没有: they ask and deny nothing."""
    question = re.sub(r"(.)[不没]\1", r"\1", question)
    return re.sub(r"(?:行|可以|能|是|好|对|要)?不(?:行|可以|能|是|好|对|要)?[？?。]?$", "", question)
