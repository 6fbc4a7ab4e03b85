"""Word documents to entries: text, headings and tables in their order, as Word prints them.

Inserted text of tracked changes, text boxes, content controls, the numbers of lists and footnotes (behind
what they are notes to) are read. Deleted, hidden, struck-through and white text, comments, pictures, page
heads and the table of contents are left out, and the notice says so.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from knowledge.readers import articles, tables
from knowledge.readers.archives import check_archive
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.docx_styles import Numbering, TextStyles, value_of
from knowledge.readers.drafts import Draft
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload

HEADING = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
TITLES = ("title", "标题")
MAX_BASES = 10
# As many columns as Word allows.
MAX_SPAN = 63
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
DELETED = {qn("w:del"), qn("w:moveFrom")}
SKIPPED = {*DELETED, qn("w:pPr"), qn("w:rPr"), qn("w:instrText"), qn("w:rt"), FALLBACK}
NOTES = {qn("w:footnoteReference"): "footnotes", qn("w:endnoteReference"): "endnotes"}
BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:p"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a document."""
    check_archive(upload, "word/")
    with upload.parsing():
        document = Document(io.BytesIO(upload.content))
        reader = reader_of(document, upload)
        body = document.element.body
    yield from articles.drafts_of(reader.blocks(body), upload)


def reader_of(document: Any, upload: Upload) -> Reader:
    """Return the reader of a document, with its styles, lists and notes; tell of comments and page heads."""
    parts = {relation.reltype.rpartition("/")[2]: relation for relation in document.part.rels.values()}
    trees = {
        name: parse_xml(parts[name].target_part.blob)
        for name in ("numbering", "footnotes", "endnotes", "comments")
        if name in parts and not parts[name].is_external
    }
    notes = {
        (name, note.get(qn("w:id"), "")): note
        for name in ("footnotes", "endnotes")
        for note in trees.get(name, ())
    }
    for comment in trees.get("comments", ()):
        upload.leave_out(_("Comments, left out"), words(comment))
    for name, relation in parts.items():
        if name in ("header", "footer") and not relation.is_external:
            upload.leave_out(
                _("Heads and feet of pages, left out"), words(parse_xml(relation.target_part.blob))
            )
    styles = document.styles.element
    return Reader(
        upload, heading_levels(styles), TextStyles(styles), Numbering(trees.get("numbering")), notes
    )


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


def outline_level(element: Any) -> int:
    """Return the level that paragraph properties give, else 0; Word counts from 0, and 9 is body text."""
    value = value_of(element, "w:pPr", "w:outlineLvl")
    return int(value) + 1 if value.isdigit() and int(value) < 9 else 0


@dataclass
class Reader:
    """A document while its text is read. ``notes``: the footnotes and endnotes by their kind and id."""

    upload: Upload
    levels: dict[str, int]
    styles: TextStyles
    numbering: Numbering
    notes: dict[tuple[str, str], Any]

    def blocks(self, body: Any) -> Iterator[Block]:
        """Yield headings, paragraphs and tables; lines without an empty one between are one paragraph."""
        lines: list[str] = []
        first = number = table_number = 0
        for element in elements(body):
            self.upload.check_time()
            if element.tag == qn("w:tbl"):
                table_number += 1
                block = self.table(element, table_number)
                text = ""
            else:
                number += 1
                text = self.text_of(element)
                level = level_of(element, self.levels)
                block = Heading(level, " ".join(text.split())) if level and text else None
                text = self.numbered(element, text) if text and not block else text
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

    def numbered(self, paragraph: Any, text: str) -> str:
        """Return the text behind its number in a list."""
        style = self.styles.styles.get(value_of(paragraph, "w:pPr", "w:pStyle"))
        for element in (paragraph, style):
            number = value_of(element, "w:pPr", "w:numPr", "w:numId") if element is not None else ""
            if number:
                level = value_of(element, "w:pPr", "w:numPr", "w:ilvl")
                label = self.numbering.label(number, min(int(level), 8) if level.isdigit() else 0)
                return f"{label} {text}" if label else text
        return text

    def text_of(self, element: Any) -> str:
        """Return the text that Word shows of an element."""
        return "".join(self.pieces(element, element)).strip()

    def pieces(self, element: Any, paragraph: Any) -> Iterator[str]:
        """Yield the published text of an element; ``paragraph`` is the one that it lies in."""
        for child in element:
            if child.tag == qn("w:t"):
                yield child.text or ""
            elif child.tag in NOTES:
                yield self.note(NOTES[child.tag], child.get(qn("w:id"), ""))
            elif child.tag in DELETED:
                self.leave_out("deleted", child)
            elif child.tag == qn("w:r") and (reason := self.styles.unpublished(child, paragraph)):
                self.leave_out(reason, child)
            elif child.tag not in SKIPPED:
                yield BREAKS.get(child.tag, "")
                yield from self.pieces(child, child if child.tag == qn("w:p") else paragraph)

    def leave_out(self, reason: str, element: Any) -> None:
        reasons = {
            "hidden": _("Hidden text, left out"),
            "struck": _("Struck-through text, left out"),
            "white": _("Text in the colour of its ground, left out"),
            "deleted": _("Deleted text of tracked changes, left out"),
        }
        self.upload.leave_out(reasons[reason], words(element))

    def note(self, kind: str, key: str) -> str:
        """Return a footnote in brackets, for the place it is a note to."""
        note = self.notes.get((kind, key))
        text = self.text_of(note) if note is not None and kind in ("footnotes", "endnotes") else ""
        return f"（{' '.join(text.split())}）" if text else ""

    def table(self, element: Any, number: int) -> Block | None:
        """Return a table; a single row, or a single column, is a frame around text."""
        rows: list[tables.Row] = []
        for position, row in enumerate(element.iterchildren(qn("w:tr")), start=1):
            if self.is_left_out(row):
                continue
            place = _("Table {number}, row {row}").format(number=number, row=position)
            rows.append(self.row_of(row, place, rows[-1] if rows else None))
        if len(rows) < 2 or max(len(row.cells) for row in rows) < 2:
            text = "\n".join(cell for row in rows for cell in row.cells if cell)
            return Paragraph(text, _("Table {number}").format(number=number)) if text else None
        return Grid(rows)

    def is_left_out(self, row: Any) -> bool:
        """Whether a row is deleted or hidden."""
        for tag, reason in (("w:del", "deleted"), ("w:hidden", "hidden")):
            mark = row.find(f"{qn('w:trPr')}/{qn(tag)}")
            if mark is not None and mark.get(qn("w:val"), "1") not in ("0", "false", "off"):
                self.leave_out(reason, row)
                return True
        return False

    def row_of(self, row: Any, place: str, above: tables.Row | None) -> tables.Row:
        """Return a row; a cell merged with the one above has its text."""
        cells: list[str] = []
        spans: dict[int, int] = {}
        carried: set[int] = set()
        grouped = False
        for cell in row.iterchildren(qn("w:tc")):
            merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            continues = merge is not None and merge.get(qn("w:val"), "continue") == "continue"
            position = len(cells)
            grouped |= position == 0 and merge is not None
            if continues and above and position < len(above.cells):
                cells.append(above.cells[position])
                carried.add(position)
            else:
                cells.append(self.text_of(cell))
            width = value_of(cell, "w:tcPr", "w:gridSpan")
            span = min(int(width), MAX_SPAN) if width.isdigit() else 1
            cells.extend([""] * (span - 1))
            if span > 1:
                spans[position] = span
        return tables.Row(place, cells, grouped, spans, frozenset(carried), strong=is_head(row))


def is_head(row: Any) -> bool:
    """Whether a row is repeated on each page as the head of its table, or every word of it is bold."""
    if row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None:
        return True
    runs = [
        run for run in row.iter(qn("w:r")) if any((part.text or "").strip() for part in run.iter(qn("w:t")))
    ]
    return bool(runs) and all(run.find(f"{qn('w:rPr')}/{qn('w:b')}") is not None for run in runs)


def words(element: Any) -> str:
    """Return all words of an element, whether Word shows them or not."""
    return "".join(part.text or "" for part in element.iter(qn("w:t"), qn("w:delText")))


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
