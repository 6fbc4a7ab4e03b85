"""Word documents to entries: text, headings and tables in their order.

Deleted text of tracked changes, pictures, comments, notes, page heads and the table of contents are left
out; inserted text, text boxes and content controls are read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _
from docx import Document
from docx.oxml.ns import qn

from knowledge.readers import articles, tables
from knowledge.readers.archives import check_archive
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.drafts import Draft
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload

HEADING = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
TITLES = ("title", "标题")
MAX_BASES = 10
# As many columns as Word allows.
MAX_SPAN = 63
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SKIPPED = {qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), qn("w:rPr"), qn("w:instrText"), FALLBACK}
BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:p"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a document."""
    check_archive(upload, "word/")
    with upload.parsing():
        document = Document(io.BytesIO(upload.content))
        levels = heading_levels(document.styles.element)
        body = document.element.body
    yield from articles.drafts_of(blocks(upload, body, levels), upload)


def heading_levels(styles: Any) -> dict[str, int]:
    """Return the level of each paragraph style that is a heading or builds on one, by the style's id.

    ``styles`` is the XML: python-docx searches all styles for each base, which a file can make to take hours.
    """
    own, base = {}, {}
    for style in styles.iterchildren(qn("w:style")):
        key = style.get(qn("w:styleId"), "")
        own[key] = style_level(value_of(style, "w:name"), style)
        base[key] = value_of(style, "w:basedOn")
    levels = {}
    for key in own:
        ancestor = key
        # Styles can be based on each other in a circle.
        for _step in range(MAX_BASES):
            if level := own.get(ancestor, 0):
                levels[key] = level
                break
            ancestor = base.get(ancestor, "")
    return levels


def style_level(name: str, style: Any) -> int:
    """Return 1 to 9 for a heading (a document's title counts as 1), else 0."""
    if found := HEADING.fullmatch(name):
        return int(found[1])
    return 1 if name.lower() in TITLES else outline_level(style)


def value_of(element: Any, *path: str) -> str:
    """Return the value of a property; empty when it is not there."""
    found = element.find("/".join(map(qn, path)))
    return str(found.get(qn("w:val"), "")) if found is not None else ""


def outline_level(element: Any) -> int:
    """Return the level that paragraph properties give, else 0; Word counts from 0, and 9 is body text."""
    value = value_of(element, "w:pPr", "w:outlineLvl")
    return int(value) + 1 if value.isdigit() and int(value) < 9 else 0


def blocks(upload: Upload, body: Any, levels: dict[str, int]) -> Iterator[Block]:
    """Yield headings, paragraphs and tables; lines without an empty one between them are one paragraph."""
    lines: list[str] = []
    first = number = table_number = 0
    for element in elements(body):
        upload.check_time()
        if element.tag == qn("w:tbl"):
            table_number += 1
            block: Block | None = table(element, table_number)
            text = ""
        else:
            number += 1
            text = text_of(element)
            level = level_of(element, levels)
            block = Heading(level, " ".join(text.split())) if level and text else None
        if text and not block:
            first = first if lines else number
            lines.append(text)
            continue
        if lines:
            yield Paragraph("\n".join(lines), paragraph_place(first))
            lines = []
        if block:
            yield block
    if lines:
        yield Paragraph("\n".join(lines), paragraph_place(first))


def paragraph_place(number: int) -> str:
    return _("Paragraph {number}").format(number=number)


def elements(body: Any) -> Iterator[Any]:
    """Yield paragraphs and tables, those in content controls included, without the table of contents."""
    for child in body:
        if child.tag in (qn("w:p"), qn("w:tbl")):
            yield child
        elif child.tag == qn("w:sdt"):
            content = child.find(qn("w:sdtContent"))
            gallery = value_of(child, "w:sdtPr", "w:docPartObj", "w:docPartGallery")
            if content is not None and gallery != "Table of Contents":
                yield from elements(content)
        elif child.tag in (qn("w:ins"), qn("w:moveTo"), qn("w:customXml")):
            yield from elements(child)


def level_of(paragraph: Any, levels: dict[str, int]) -> int:
    return outline_level(paragraph) or levels.get(value_of(paragraph, "w:pPr", "w:pStyle"), 0)


def text_of(element: Any) -> str:
    """Return the text that Word shows of an element."""
    return "".join(pieces(element)).strip()


def pieces(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag not in SKIPPED:
            yield BREAKS.get(child.tag, "")
            yield from pieces(child)


def table(element: Any, number: int) -> Block | None:
    """Return a table; a single row, or a single column, is a frame around text."""
    rows: list[tables.Row] = []
    for position, row in enumerate(element.iterchildren(qn("w:tr")), start=1):
        place = _("Table {number}, row {row}").format(number=number, row=position)
        first = row.find(qn("w:tc"))
        grouped = first is not None and first.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}") is not None
        rows.append(tables.Row(place, cells_of(row, rows[-1].cells if rows else []), grouped))
    if len(rows) < 2 or max(len(row.cells) for row in rows) < 2:
        text = "\n".join(cell for row in rows for cell in row.cells if cell)
        return Paragraph(text, _("Table {number}").format(number=number)) if text else None
    return Grid(rows)


def cells_of(row: Any, above: Sequence[str]) -> list[str]:
    """Return the cells: merged with the cell above they have its text, over several columns they fill one."""
    cells: list[str] = []
    for cell in row.iterchildren(qn("w:tc")):
        merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        continues = merge is not None and merge.get(qn("w:val"), "continue") == "continue"
        position = len(cells)
        cells.append(above[position] if continues and position < len(above) else text_of(cell))
        width = value_of(cell, "w:tcPr", "w:gridSpan")
        cells.extend([""] * (min(int(width), MAX_SPAN) - 1 if width.isdigit() else 0))
    return cells
