"""Questions with answers in running text.

::

    split_pairs([Paragraph("问：几点开门？\\n答：9点。", "Line 1"), ...])   # pairs, and the paragraphs left

A question is a line that begins with 问：, 问题：, 【问题】, Q: or Question:, numbered or not; the answer
begins with 答：, 答案：, 回答：, 【回答】, A: or Answer: on the same or a later line, and goes on until the
next question or heading. A numbered line that asks (1. 怎么开发票？) is a question too, and the answer what
follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_QUESTION = 500
LEAD = r"(?:[-*•·]\s*)?(?:[(（]?\d+\s*[.、．)）]\s*)?"
ASK = r"(?:(?:问题?|Q(?:uestion)?)\s*\d*\s*[:：]|[【\[](?:问题?|提问|Q)\s*\d*[】\]]\s*[:：]?)"
REPLY = r"(?:(?:答案?|回答|A(?:nswer)?)\s*\d*\s*[:：]|[【\[](?:答案?|回答|回复|A)\s*\d*[】\]]\s*[:：]?)"
NUMBER = (
    r"(?:[(（]?\d{1,3}\s*[.、．)）]|[(（]?[一二三四五六七八九十]{1,3}\s*[、．)）]"
    r"|Q\s*\d{1,3}\s*[.、．)）]?|[①-⑳])"
)
NUMBERED = re.compile(rf"^{NUMBER}\s*([^？?。！!]{{2,100}}[？?])\s*([^？?]*)$", re.IGNORECASE)
QUESTION = re.compile(rf"^{LEAD}{ASK}\s*(.*)$", re.IGNORECASE)
ANSWER = re.compile(rf"^{LEAD}{REPLY}\s*(.*)$", re.IGNORECASE)
# Several marks in one line: each gets a line of its own, and takes its bullet or number with it.
INSIDE = re.compile(
    r"(?<=[\s。！？；.!?;])(?<![-*•·])(?<![-*•·]\s)(?<!\d[.、．)）])(?<!\d[.、．)）]\s)"
    rf"(?={LEAD}(?:{ASK}|{REPLY}))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Paragraph:
    """Lines of text, and where in the file they begin."""

    text: str
    place: str


@dataclass
class Pair:
    """A question, and the lines of its answer; None until the answer began."""

    question: str
    source: str
    place: str
    answer: list[str] | None = None

    def is_whole(self) -> bool:
        return bool(self.question and len(self.question) <= MAX_QUESTION and self.answer and any(self.answer))


def split_pairs(paragraphs: Iterable[Paragraph]) -> tuple[list[Pair], list[Paragraph]]:
    """Return the questions with answers, and what else is there; a question without an answer stays text."""
    pairs: list[Pair] = []
    rest: list[Paragraph] = []
    open_pair: Pair | None = None
    for paragraph in paragraphs:
        left: list[str] = []
        for number, line in enumerate(lines_of(paragraph.text)):
            if found := QUESTION.match(line):
                close(open_pair, pairs, rest)
                open_pair = Pair(found[1].strip(), line, paragraph.place)
            elif found := NUMBERED.match(line):
                close(open_pair, pairs, rest)
                answer = [found[2].strip()] if found[2].strip() else []
                source = line if not answer else line[: found.start(2)].strip()
                open_pair = Pair(found[1].strip(), source, paragraph.place, answer)
            elif open_pair is None:
                left.append(line)
            elif open_pair.answer is None:
                ask(open_pair, line)
            else:
                marked = ANSWER.match(line) if not open_pair.answer else None
                open_pair.answer.extend([""] if number == 0 and open_pair.answer else [])
                open_pair.answer.append(marked[1].strip() if marked else line)
        if text := "\n".join(left).strip():
            rest.append(Paragraph(text, paragraph.place))
    close(open_pair, pairs, rest)
    return pairs, rest


def ask(pair: Pair, line: str) -> None:
    """Take a line between a question and its answer: the answer's first, or more of the question."""
    if found := ANSWER.match(line):
        pair.answer = [found[1].strip()]
    else:
        pair.question = f"{pair.question} {line.strip()}".strip()
        pair.source += "\n" + line


def close(pair: Pair | None, pairs: list[Pair], rest: list[Paragraph]) -> None:
    if pair is None:
        return
    if pair.is_whole():
        pairs.append(pair)
    else:
        rest.append(Paragraph("\n".join([pair.source, *(pair.answer or [])]).strip(), pair.place))


def lines_of(text: str) -> list[str]:
    """Return the lines, with a line for each mark where a line begins with a question."""
    found: list[str] = []
    for line in text.split("\n"):
        asks = QUESTION.match(line.strip()) or NUMBERED.match(line.strip())
        found.extend(INSIDE.split(line) if asks else [line])
    return [line.strip() for line in found]
