"""Excel sheets to entries: what Excel shows, formulas by the value Excel stored.

Number formats are applied (number_format.py). What Excel does not show is not published, and the notice says
so: hidden sheets, rows and columns, and text in the colour of its ground; so is struck-through text, and so
are cells with an error. A merged cell counts in each row and column that it covers.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import get_column_letter

from knowledge.cleaning import clean
from knowledge.loaders import MAX_ENTRIES, MAX_PROBLEMS, too_many
from knowledge.readers import tables
from knowledge.readers.archives import check_archive
from knowledge.readers.drafts import MAX_CATEGORY, Draft
from knowledge.readers.number_format import formatted
from knowledge.readers.upload import Upload
from knowledge.readers.xlsx_layout import Layout, layout_of

WHITE = "FFFFFFFF"
BLACK = "FF000000"
EMPTY = tables.Row("", ())


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of the visible sheets."""
    check_archive(upload, "xl/")
    with upload.parsing():
        stream = io.BytesIO(upload.content)
        book = ExcelReader(stream, read_only=True, data_only=True, keep_links=False, rich_text=True)
        book.read()
        # Chart sheets have no rows.
        paths = {sheet.name: relation.target for sheet, relation in book.parser.find_sheets()}
        sheets = [sheet for sheet in book.wb.worksheets if hasattr(sheet, "reset_dimensions")]
    for sheet in sheets:
        if sheet.sheet_state != "visible":
            upload.leave_out(_("Hidden sheets, left out"), sheet.title)
            continue
        with upload.parsing(), book.archive.open(paths[sheet.title]) as part:
            layout = layout_of(part, upload)
        refuse_formulas(upload, sheet.title, layout)
        names = (clean(sheet.title).strip() or "-",)
        yield from tables.drafts_of(
            Sheet(sheet, layout, upload).rows(), names, upload, names[0][:MAX_CATEGORY]
        )


def refuse_formulas(upload: Upload, sheet: str, layout: Layout) -> None:
    """Name the formulas without a stored value, as programs write them that do not calculate."""
    if layout.formulas:
        text = _(
            "{file}, sheet {sheet}: formulas without a stored value in {cells}. "
            "Open it in Excel or WPS, save it and upload that."
        )
        cells = ", ".join(layout.formulas[:MAX_PROBLEMS]) + (
            " ..." if len(layout.formulas) > MAX_PROBLEMS else ""
        )
        raise upload.error(text, sheet=sheet, cells=cells)


@dataclass
class Style:
    """What of a cell's style decides on its text."""

    code: str
    struck: bool
    invisible: bool
    bold: bool


@dataclass
class Sheet:
    """A sheet while its rows are read.

    ``carried``: the value that is merged into rows below, by column. ``reduced``: the row lost text.
    """

    sheet: Any
    layout: Layout
    upload: Upload
    styles: dict[int, Style] = field(default_factory=dict)
    carried: dict[int, tuple[int, str]] = field(default_factory=dict)
    used_columns: set[int] = field(default_factory=set)
    reduced: bool = False

    def rows(self) -> Iterator[tables.Row]:
        """Yield the visible rows as text, each with its place; rows without text too."""
        # Programs write a wrong size into the sheet's head; without it the rows decide.
        self.sheet.reset_dimensions()
        cells_of_rows = iter(self.sheet.iter_rows())
        number = filled = 0
        while True:
            self.upload.check_time()
            with self.upload.parsing():
                row = next(cells_of_rows, None)
                texts = [self.text_of(cell) for cell in row or ()]
            if row is None:
                break
            number += 1
            while texts and not texts[-1]:
                texts.pop()
            if not texts:
                yield EMPTY
                continue
            carried = self.fill(texts, number)
            if number in self.layout.hidden_rows:
                if any(texts):
                    self.upload.leave_out(_("Hidden rows, left out"), f"{self.sheet.title} {number}")
                continue
            filled += any(texts)
            if filled > 2 * MAX_ENTRIES:
                raise too_many(self.upload.file)
            yield self.row_of(number, texts, carried, row)
            self.reduced = False
        for struck in self.layout.struck:
            self.upload.leave_out(_("Struck-through text, left out"), struck)
        for column in sorted(self.used_columns & self.layout.hidden_columns):
            name = f"{self.sheet.title} {get_column_letter(column)}"
            self.upload.leave_out(_("Hidden columns, left out"), name)

    def row_of(self, number: int, texts: list[str], carried: set[int], row: Any) -> tables.Row:
        """Return the visible cells of a row; a merged cell stands in its first visible column."""
        self.used_columns.update(column for column, text in enumerate(texts, start=1) if text)
        hidden = self.layout.hidden_columns
        shown = [column for column in range(1, len(texts) + 1) if column not in hidden]
        cells = {column: texts[column - 1] for column in shown}
        spans = {}
        for merged in self.layout.merged.get(number, []):
            covered = [c for c in range(merged.column, merged.last_column + 1) if c not in hidden]
            if covered and merged.column <= len(texts) and texts[merged.column - 1]:
                if covered[0] not in cells:
                    shown.append(covered[0])
                cells[covered[0]] = texts[merged.column - 1]
                spans[covered[0]] = len(covered)
        position = {column: place for place, column in enumerate(sorted(shown))}
        first = next((column for column in sorted(shown) if cells[column]), 0)
        days = {
            position[cell.column]: cell.value.date() if isinstance(cell.value, datetime) else cell.value
            for cell in row
            if isinstance(cell.value, date) and cell.column in position
        }
        filled = [cell for cell in row if cell.value is not None and cell.column in position]
        return tables.Row(
            place=_("Sheet {sheet}, row {row}").format(sheet=self.sheet.title, row=number),
            cells=[cells[column] for column in sorted(shown)],
            grouped=first in self.carried,
            spans={position[column]: width for column, width in spans.items() if width > 1},
            carried=frozenset(position[column] for column in carried if column in position),
            days=days,
            reduced=self.reduced,
            strong=bool(filled) and all(self.style_of(cell).bold for cell in filled),
        )

    def fill(self, cells: list[str], number: int) -> set[int]:
        """Write what is merged over several rows into this row; return the columns that rows above fill."""
        if any(cells):
            for column, (last_row, value) in list(self.carried.items()):
                if number > last_row:
                    del self.carried[column]
                    continue
                cells.extend([""] * (column - len(cells)))
                cells[column - 1] = value
        reached = {column for column in self.carried if number <= self.carried[column][0]}
        for merged in self.layout.merged.get(number, []):
            if merged.last_row > number and merged.column <= len(cells) and cells[merged.column - 1]:
                self.carried[merged.column] = (merged.last_row, cells[merged.column - 1])
        return reached

    def text_of(self, cell: Any) -> str:
        """Return what Excel shows of a cell; empty for errors (#N/A)."""
        value = cell.value
        if value is None or cell.data_type == "e":
            return ""
        style = self.style_of(cell)
        text = formatted(self.plain(value, cell), style.code)
        text = clean(text).strip()
        if text and style.struck:
            self.upload.leave_out(_("Struck-through text, left out"), text)
            self.reduced = True
            return ""
        if text and style.invisible:
            self.upload.leave_out(_("Text in the colour of its ground, left out"), text)
            self.reduced = True
            return ""
        return text

    def plain(self, value: Any, cell: Any) -> Any:
        """Return the value without the runs of a text that are struck through."""
        if isinstance(value, CellRichText):
            struck = [run for run in value if isinstance(run, TextBlock) and run.font.strike]
            if struck:
                self.layout.struck.append("".join(run.text for run in struck))
            return "".join(str(run) for run in value if run not in struck)
        if isinstance(value, str):
            return self.layout.texts.get((cell.row, cell.column), value)
        return value

    def style_of(self, cell: Any) -> Style:
        """Return the style of a cell; cells share few of them."""
        number = getattr(cell, "_style_id", 0)
        if number not in self.styles:
            self.styles[number] = style_of(cell, coloured=self.layout.coloured)
        return self.styles[number]


def style_of(cell: Any, *, coloured: bool) -> Style:
    if not hasattr(cell, "_style_id"):
        return Style("General", False, False, False)
    font = cell.font
    return Style(
        code=cell.number_format or "General",
        struck=bool(font.strike),
        invisible=not coloured and is_invisible(font, cell.fill),
        bold=bool(font.b),
    )


def is_invisible(font: Any, fill: Any) -> bool:
    """Whether a text has the colour of its ground, which is white without a fill."""
    ground = colour_of(fill.fgColor) if fill.fill_type == "solid" else WHITE if not fill.fill_type else ""
    return bool(ground) and colour_of(font.color) == ground


def colour_of(colour: Any) -> str:
    """Return a colour as ARGB, opaque; empty when it is not given as one."""
    if colour is None:
        return ""
    if colour.type == "rgb" and isinstance(colour.rgb, str):
        return "FF" + colour.rgb[-6:].upper()
    if colour.type == "theme" and not colour.tint:
        return {0: WHITE, 1: BLACK}.get(colour.theme, "")
    if colour.type == "indexed":
        return {0: BLACK, 1: WHITE, 8: BLACK, 9: WHITE}.get(colour.indexed, "")
    return ""
