"""What openpyxl does not tell of a sheet read row by row: merged and hidden cells, formulas without a value.

::

    layout = layout_of(stream, upload)    # the sheet's XML
    layout.formulas                       # ["B2", "B3"]
    layout.hidden_rows, layout.hidden_columns        # {3}, {3}: numbers start at 1
    layout.texts                          # {(2, 1): "现价299元"}: cells of which a part is struck through

It is read before openpyxl reads the sheet, and refuses what openpyxl would spend its memory on: rows with
more cells, or more rows, than a sheet can have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse

from django.utils.translation import gettext as _
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from knowledge.readers.limits import MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from knowledge.readers.upload import Upload

MIN_SIZE = 0.1


@dataclass(frozen=True)
class Merged:
    """A merged cell: its columns, and the last of its rows. Numbers start at 1."""

    column: int
    last_column: int
    last_row: int


@dataclass
class Layout:
    """``merged``: merged cells by their first row. ``coloured``: fills may come from outside the cells."""

    formulas: list[str] = field(default_factory=list)
    merged: dict[int, list[Merged]] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    struck: list[str] = field(default_factory=list)
    coloured: bool = False

    def merge(self, reference: str) -> None:
        left, top, right, bottom = range_boundaries(reference)
        if left is None or top is None or right is None or bottom is None:
            # Whole rows or columns, which no program merges.
            return
        self.merged.setdefault(top, []).append(Merged(left, right, bottom))

    def hide_columns(self, column: Element) -> None:
        """Take down a range of columns that are hidden, or have no width."""
        if is_true(column.get("hidden")) or is_nothing(column.get("width")):
            last = min(int(column.get("max", "0")), MAX_SHEET_COLUMNS)
            self.hidden_columns.update(range(int(column.get("min", "1")), last + 1))


def layout_of(stream: IO[bytes], upload: Upload) -> Layout:
    """Return the layout of a sheet; raise LoadError when it is larger than a sheet can be."""
    layout = Layout()
    row: Element | None = None
    parent: Element | None = None
    columns = row_number = 0
    for event, element in iterparse(stream, ("start", "end")):
        name = element.tag.rpartition("}")[2]
        if event == "start":
            if name in ("sheetData", "mergeCells"):
                parent = element
            elif name == "row":
                upload.check_time()
                row, columns = element, 0
                row_number = int(element.get("r") or row_number + 1)
                if is_true(element.get("hidden")) or is_nothing(element.get("ht")):
                    layout.hidden_rows.add(row_number)
        elif name == "c" and row is not None:
            columns += 1
            if columns > MAX_SHEET_COLUMNS or row_number > MAX_SHEET_ROWS:
                raise upload.error(
                    _("{file}: a sheet is larger than Excel allows. Save it again with Excel.")
                )
            read_cell(element, row_number, columns, layout)
            # What was read is let go at once, or the whole sheet would stay in memory.
            row.clear()
        elif name == "mergeCell":
            layout.merge(element.get("ref", ""))
        elif name == "col":
            layout.hide_columns(element)
        elif name in ("conditionalFormatting", "tablePart"):
            layout.coloured = True
        if event == "end" and name in ("row", "mergeCell") and parent is not None:
            parent.clear()
    return layout


def is_true(value: str | None) -> bool:
    return value in ("1", "true")


def is_nothing(size: str | None) -> bool:
    """Whether a width or height is too small to show anything; without one it is the usual."""
    return size is not None and float(size) < MIN_SIZE


def read_cell(cell: Element, row: int, count: int, layout: Layout) -> None:
    """Take down what a cell holds that openpyxl does not tell."""
    place = cell.get("r", "")
    column = coordinate_to_tuple(place)[1] if place else count
    if lacks_value(cell) and row not in layout.hidden_rows and column not in layout.hidden_columns:
        layout.formulas.append(place or _("row {row}").format(row=row))
    if cell.get("t") == "inlineStr":
        kept, struck = inline_text(cell)
        if struck:
            layout.texts[row, column] = kept
            layout.struck.append(struck)


def inline_text(cell: Element) -> tuple[str, str]:
    """Return the text of a cell with its runs in it, and what of it is struck through."""
    kept, struck = "", ""
    for run in cell.iter():
        if run.tag.rpartition("}")[2] != "r":
            continue
        parts: dict[str, Any] = {child.tag.rpartition("}")[2]: child for child in run}
        text = parts["t"].text or "" if "t" in parts else ""
        marks = {mark.tag.rpartition("}")[2]: mark.get("val", "1") for mark in parts.get("rPr", ())}
        if marks.get("strike", "0") not in ("0", "false"):
            struck += text
        else:
            kept += text
    return kept, struck


def lacks_value(cell: Any) -> bool:
    """Whether a cell has a formula and no value; an empty text is a value."""
    found = {child.tag.rpartition("}")[2]: child for child in cell}
    if "f" not in found or cell.get("t") == "str":
        return False
    return not (found["v"].text if "v" in found else "")
