"""The headings, paragraphs and tables of a document to entries.

::

    blocks = [Heading(1, "合同"), Heading(2, "押金"), Paragraph("押金是2个月租金。", "Line 5")]
    list(drafts_of(blocks, upload))        # one article, titled 合同 押金

What lies between two headings is one article titled with the path of headings, without its questions and
answers (pairs.py) and its tables (tables.py), which are entries of their own. Text before the first heading
is titled with the file's name. An article longer than an answer may be is cut between paragraphs, else
between sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from knowledge.loaders import MAX_ANSWER
from knowledge.readers import tables
from knowledge.readers.drafts import MAX_CATEGORY, MAX_TITLE, Draft
from knowledge.readers.limits import MAX_BLOCKS
from knowledge.readers.pairs import Paragraph, split_pairs
from knowledge.readers.upload import Upload

BOUNDARIES = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[。！？；!?;])"))


@dataclass(frozen=True)
class Heading:
    """1 is the highest level."""

    level: int
    text: str


@dataclass(frozen=True)
class Grid:
    """A table inside a document."""

    rows: list[tables.Row]


Block = Heading | Paragraph | Grid


def drafts_of(blocks: Iterable[Block], upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a document, in its order; tables come before the text around them."""
    path: list[Heading] = []
    waiting: list[Paragraph] = []
    names: tuple[str, ...] = (upload.stem,)
    for number, block in enumerate(blocks, start=1):
        upload.check_time()
        if number > MAX_BLOCKS:
            text = _("{file} has more than {limit} paragraphs. Split it.")
            raise upload.error(text, limit=MAX_BLOCKS)
        if isinstance(block, Heading):
            yield from section(waiting, names)
            waiting.clear()
            path = [heading for heading in path if heading.level < block.level] + [block]
            names = tuple(heading.text for heading in path)
        elif isinstance(block, Grid):
            for draft in tables.drafts_of(block.rows, names, upload, names[0][:MAX_CATEGORY]):
                yield titled(draft, names) if draft.kind == "table" else draft
        else:
            waiting.append(block)
    yield from section(waiting, names)


def section(paragraphs: list[Paragraph], names: tuple[str, ...]) -> Iterator[Draft]:
    """Yield the questions under a heading, then the rest as an article."""
    category = names[0][:MAX_CATEGORY]
    pairs, rest = split_pairs(paragraphs)
    for pair in pairs:
        yield Draft(
            place=pair.place,
            names=(*names, pair.question),
            title=pair.question[:MAX_TITLE],
            question=pair.question,
            answer="\n".join(pair.answer or []),
            category=category,
        )
    for number, text in enumerate(parts("\n\n".join(p.text for p in rest)), start=1):
        numbered = names if number == 1 else (*names[:-1], f"{names[-1]}（{number}）")
        yield Draft(rest[0].place, numbered, title_of(numbered), text, "article", category)


def titled(draft: Draft, names: tuple[str, ...]) -> Draft:
    """Return a table's row with the headings before its key, which alone may say little ("基础版")."""
    return replace(draft, title=title_of(names if draft.title == names[-1] else (*names, draft.title)))


def title_of(names: tuple[str, ...]) -> str:
    """Return the path as a title; of a path that is too long, its end, which tells most."""
    title = " ".join(names)
    return title if len(title) <= MAX_TITLE else names[-1][:MAX_TITLE]


def parts(text: str) -> Iterator[str]:
    """Yield the text in parts of at most ``MAX_ANSWER`` characters, cut at the largest boundary there is."""
    start = 0
    while len(text) - start > MAX_ANSWER:
        limit = start + MAX_ANSWER
        ends = (
            [found.end() for found in boundary.finditer(text, start + 1, limit)] for boundary in BOUNDARIES
        )
        end = next((found[-1] for found in ends if found), limit)
        if part := text[start:end].strip():
            yield part
        start = end
    if part := text[start:].strip():
        yield part
