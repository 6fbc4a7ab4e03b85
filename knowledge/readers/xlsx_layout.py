"""What openpyxl does not tell of a sheet read row by row: merged cells, and formulas without a stored value.

::

    layout = layout_of(stream, upload)    # the sheet's XML
    layout.formulas                       # ["B2", "B3"]
    layout.is_banner(4, [1])              # row 4 holds one cell, the first, merged over several columns

It is read before openpyxl reads the sheet, and refuses what openpyxl would spend its memory on: rows with
more cells, or more rows, than a sheet can have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse

from django.utils.translation import gettext as _
from openpyxl.utils.cell import range_boundaries

from knowledge.readers.limits import MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from knowledge.readers.upload import Upload


@dataclass(frozen=True)
class Merged:
    """A cell merged over several rows: its column, and the last of its rows. Numbers start at 1."""

    column: int
    last_row: int


@dataclass
class Layout:
    """``tall``: cells merged over several rows, by their first row.

    ``wide``: (row, column) of cells merged over several columns.
    """

    formulas: list[str] = field(default_factory=list)
    tall: dict[int, list[Merged]] = field(default_factory=dict)
    wide: set[tuple[int, int]] = field(default_factory=set)

    def is_banner(self, row: int, filled: list[int]) -> bool:
        """Whether the row holds nothing but one cell that spans several columns."""
        return len(filled) == 1 and (row, filled[0]) in self.wide

    def merge(self, reference: str) -> None:
        left, top, right, bottom = range_boundaries(reference)
        if left is None or top is None or right is None or bottom is None:
            # Whole rows or columns, which no program merges.
            return
        if bottom > top:
            self.tall.setdefault(top, []).append(Merged(left, bottom))
        if right > left:
            self.wide.add((top, left))


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
        elif name == "c" and row is not None:
            columns += 1
            if columns > MAX_SHEET_COLUMNS or row_number > MAX_SHEET_ROWS:
                raise upload.error(
                    _("{file}: a sheet is larger than Excel allows. Save it again with Excel.")
                )
            if lacks_value(element):
                layout.formulas.append(element.get("r") or _("row {row}").format(row=row_number))
            # What was read is let go at once, or the whole sheet would stay in memory.
            row.clear()
        elif name == "mergeCell":
            layout.merge(element.get("ref", ""))
        if event == "end" and name in ("row", "mergeCell") and parent is not None:
            parent.clear()
    return layout


def lacks_value(cell: Any) -> bool:
    """Whether a cell has a formula and no value; an empty text is a value."""
    found = {child.tag.rpartition("}")[2]: child for child in cell}
    if "f" not in found or cell.get("t") == "str":
        return False
    return not (found["v"].text if "v" in found else "")
