"""Web pages to entries: headings, text and tables as a browser shows them.

Scripts, comments, hidden and struck-through text are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from lxml import html

from knowledge.readers import articles
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.grid import Row
from knowledge.readers.limits import MAX_MARKDOWN_BYTES
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload

SILENT = {
    "script",
    "style",
    "head",
    "noscript",
    "template",
    "svg",
    "button",
    "select",
    "nav",
    "iframe",
    "rt",
    "rp",
}
STRUCK = {"s", "del", "strike"}
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "dd", "div", "dl", "dt", "figure", "footer", "form",
    "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "table", "ul",
}  # fmt: skip
HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)
STRUCK_STYLE = re.compile(r"line-through", re.IGNORECASE)
MAX_SPAN = 63


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a page."""
    if len(upload.content) > MAX_MARKDOWN_BYTES:
        text = _("{file} is larger than {limit} MB, too large for a web page. Split it.")
        raise upload.error(text, limit=MAX_MARKDOWN_BYTES // 1_000_000)
    yield from articles.drafts_of(blocks_of(decoded(upload), upload, ""), upload)


def blocks_of(source: str, upload: Upload, place: str) -> list[Block]:
    """Return the blocks of HTML; ``place`` says where it stands in its file."""
    with upload.parsing():
        # The declaration of an encoding no longer holds: the text is decoded.
        text = re.sub(r"<\?xml[^>]*\?>", "", source)
        root = html.document_fromstring(text if "<body" in text.lower() else f"<body>{text}</body>")
        reader = Reader(upload, place)
        reader.read(root)
        reader.end_paragraph()
    return reader.blocks


@dataclass
class Reader:
    """A page while it is read: the blocks so far, and the words of the one that is open."""

    upload: Upload
    place: str
    blocks: list[Block] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    tables: int = 0

    def read(self, element: Any) -> None:
        """Read an element and what follows it."""
        if isinstance(element.tag, str) and not self.is_left_out(element):
            tag = element.tag.lower()
            if re.fullmatch(r"h[1-6]", tag):
                self.end_paragraph()
                if text := " ".join(text_of(element, self).split()):
                    self.blocks.append(Heading(int(tag[1]), text))
            elif tag == "table" and self.is_grid(element):
                self.end_paragraph()
                self.tables += 1
                self.blocks.append(Grid(list(self.rows(element))))
            else:
                self.read_inside(element, tag)
        elif isinstance(element, html.HtmlComment):
            self.upload.leave_out(_("Comments, left out"), element.text or "")
        self.words.append(spaced(element.tail))

    def read_inside(self, element: Any, tag: str) -> None:
        is_block = tag in BLOCKS
        if is_block and tag not in ("li", "dt", "dd"):
            self.end_paragraph()
        elif is_block or tag == "br":
            self.words.append("\n")
        if tag == "li" and element.getparent() is not None and element.getparent().tag == "ol":
            self.words.append(f"{item_number(element)}. ")
        self.words.append(element.text or "" if tag == "pre" else spaced(element.text))
        for child in element:
            self.read(child)
        if is_block and tag not in ("li", "dt", "dd"):
            self.end_paragraph()

    def end_paragraph(self) -> None:
        lines = [line.strip() for line in "".join(self.words).split("\n")]
        self.words.clear()
        if text := "\n".join(filter(None, lines)):
            place = self.place or _("Paragraph {number}").format(number=len(self.blocks) + 1)
            self.blocks.append(Paragraph(text, place))

    def is_left_out(self, element: Any) -> bool:
        """Whether a browser does not show an element, or strikes it through."""
        tag, style = element.tag.lower(), element.get("style", "")
        if tag in SILENT:
            return True
        if "hidden" in element.attrib or HIDDEN_STYLE.search(style):
            self.upload.leave_out(_("Hidden text, left out"), element.text_content())
            return True
        if tag in STRUCK or STRUCK_STYLE.search(style):
            self.upload.leave_out(_("Struck-through text, left out"), element.text_content())
            return True
        return False

    def is_grid(self, table: Any) -> bool:
        """Whether a table holds cells, not the layout of a page: no table within."""
        return len(list(table.iter("table"))) == 1 and next(table.iter("tr"), None) is not None

    def rows(self, table: Any) -> Iterator[Row]:
        """Yield the rows; cells over several rows are in each of them."""
        reaching: dict[int, tuple[int, str]] = {}
        for number, row in enumerate(table.iter("tr"), start=1):
            if self.is_left_out(row):
                continue
            cells: list[str] = []
            spans: dict[int, int] = {}
            carried: set[int] = set()
            own = [cell for cell in row if cell.tag in ("td", "th") and not self.is_left_out(cell)]
            grouped = False
            while own or len(cells) in reaching:
                position = len(cells)
                if position in reaching:
                    left, text = reaching.pop(position)
                    carried.add(position)
                    grouped |= position == 0
                    cells.append(text)
                    if left > 1:
                        reaching[position] = (left - 1, text)
                    continue
                cell = own.pop(0)
                text = text_of(cell, self).strip()
                width, height = span_of(cell, "colspan"), span_of(cell, "rowspan")
                cells += [text, *[""] * (width - 1)]
                if width > 1:
                    spans[position] = width
                if height > 1:
                    reaching[position] = (height - 1, text)
                    grouped |= position == 0
            strong = bool(len(row)) and all(cell.tag == "th" for cell in row)
            place = self.place or _("Table {number}, row {row}").format(number=self.tables, row=number)
            yield Row(place, cells, grouped, spans, frozenset(carried), strong=strong)


def text_of(element: Any, reader: Reader) -> str:
    """Return the shown text of a heading or cell."""
    inner = Reader(reader.upload, reader.place)
    inner.words.append(spaced(element.text))
    for child in element:
        inner.read(child)
    inner.end_paragraph()
    return "\n".join(block.text for block in inner.blocks if not isinstance(block, Grid))


def spaced(text: str | None) -> str:
    """Return a text as HTML counts its white space: a run is one space."""
    return re.sub(r"\s+", " ", text or "")


def item_number(item: Any) -> int:
    first = item.getparent().get("start", "1")
    return (int(first) if first.isdigit() else 1) + sum(
        1 for _before in item.itersiblings("li", preceding=True)
    )


def span_of(cell: Any, name: str) -> int:
    value = cell.get(name, "1")
    return max(1, min(int(value), MAX_SPAN)) if value.isdigit() else 1
