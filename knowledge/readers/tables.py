"""Rows of a table, wherever it lies, to entries.

::

    rows = [Row("Row 1", ["问题", "答案"]), Row("Row 2", ["押金多少", "2个月租金。"])]
    list(drafts_of(rows, names=()))       # one FAQ draft

A table with an answer and a question (or a title) among its columns is a list of FAQ: known columns become
fields, and what other columns say is added to the answer, so that nothing is lost. Of any other table each
row becomes the text "column：value；column：value。", titled by its first cell.

The header is the first of ``HEADER_SEARCHED`` rows with known columns, else the first with two cells, else
the first. Rows above it are captions and left out, as are rows that repeat it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from knowledge.readers.drafts import MAX_TITLE, Draft

HEADER_SEARCHED = 10
COLUMNS = {
    "id": ("id", "编号"),
    "category": ("category", "分类", "类别"),
    "title": ("title", "标题"),
    "question": ("question", "q", "问题", "问"),
    "alternative_questions": (
        "alternative questions", "alternatives", "其他问法", "其它问法", "别的问法", "相似问法", "相似问题",
    ),
    "answer": ("answer", "a", "答案", "回答", "答", "回复"),
    "tags": ("tags", "标签"),
}  # fmt: skip
FIELDS = {name: field for field, names in COLUMNS.items() for name in names}
ITEMS = re.compile(r"[\n|｜；;]")
TAGS = re.compile(r"[\n|｜；;,，、]")


class Row(NamedTuple):
    """A row and its place in the file.

    ``grouped``: its first cell is merged over several rows, so it names a group, and the second cell the row.
    """

    place: str
    cells: Sequence[str]
    grouped: bool = False


def drafts_of(rows: Iterable[Row], names: tuple[str, ...], category: str = "") -> Iterator[Draft]:
    """Yield a draft for each row; ``names`` is the path to the table, put before the row's key in its id."""
    filled = (row for row in rows if any(row.cells))
    start = list(itertools.islice(filled, HEADER_SEARCHED))
    if not start:
        return
    position = header_of([row.cells for row in start])
    header = list(start[position].cells)
    fields = fields_of(header)
    for row in itertools.chain(start[position + 1 :], filled):
        if list(row.cells) == header:
            continue
        if is_faq(fields):
            draft = faq(row, header, fields, names, category)
        else:
            draft = record(row, header, names, category)
        if draft:
            yield draft


def header_of(start: list[Sequence[str]]) -> int:
    """Return the position of the header among the first rows."""
    known = (number for number, cells in enumerate(start) if is_faq(fields_of(cells)))
    wide = (number for number, cells in enumerate(start) if sum(map(bool, cells)) > 1)
    return next(itertools.chain(known, wide), 0)


def fields_of(header: Sequence[str]) -> dict[str, int]:
    """Return the positions of the known columns by field; of two columns for a field the first counts."""
    found: dict[str, int] = {}
    for position, name in enumerate(header):
        field = FIELDS.get(re.sub(r"[\s_*]+", " ", name).strip().lower())
        if field:
            found.setdefault(field, position)
    return found


def is_faq(fields: dict[str, int]) -> bool:
    return "answer" in fields and ("question" in fields or "title" in fields)


def faq(
    row: Row, header: Sequence[str], fields: dict[str, int], names: tuple[str, ...], category: str
) -> Draft | None:
    """Return the entry of a row; nothing for a row that only has an id, a category or tags."""
    cells = row.cells
    text = {field: cells[position] if position < len(cells) else "" for field, position in fields.items()}
    question, title, answer = (text.get(name, "") for name in ("question", "title", "answer"))
    if not (question or title or answer):
        return None
    question = " ".join(question.split())
    others = [position for position in range(len(cells)) if position not in fields.values()]
    facts = facts_of(cells, header, others)
    return Draft(
        place=row.place,
        names=(*names, question or title),
        title=title or question[:MAX_TITLE],
        answer=f"{answer} {facts}".strip() if answer else "",
        kind="faq" if question else "article",
        category=text.get("category") or category,
        question=question,
        alternative_questions=split(ITEMS, text.get("alternative_questions", "")),
        tags=split(TAGS, text.get("tags", "")),
        id=text.get("id", ""),
    )


def record(row: Row, header: Sequence[str], names: tuple[str, ...], category: str) -> Draft:
    """Return the row as text, titled by its first cell; in a group by its first two."""
    filled = [cell for cell in row.cells if cell]
    key = " ".join(filled[: 2 if row.grouped else 1])
    return Draft(
        place=row.place,
        names=(*names, key),
        title=key[:MAX_TITLE],
        answer=facts_of(row.cells, header, range(len(row.cells))).rstrip("。") + "。",
        kind="table",
        category=category,
    )


def facts_of(cells: Sequence[str], header: Sequence[str], positions: Iterable[int]) -> str:
    """Return "column：value；column：value" of the filled cells; without a column's name, the value alone."""
    labels = {position: header[position] if position < len(header) else "" for position in positions}
    return "；".join(
        f"{label}：{cells[position]}" if label else cells[position]
        for position, label in labels.items()
        if cells[position]
    )


def split(separator: re.Pattern[str], text: str) -> list[str]:
    return [item for item in (part.strip() for part in separator.split(text)) if item]
