"""Excel sheets to entries: values as people write them, formulas by the value Excel stored.

Hidden sheets are left out (and the notice says so), as are cells with an error and rows merged into a
banner. A cell merged over several rows counts in each of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader

from knowledge.cleaning import clean
from knowledge.loaders import MAX_PROBLEMS
from knowledge.readers import tables
from knowledge.readers.archives import check_archive
from knowledge.readers.drafts import MAX_CATEGORY, Draft
from knowledge.readers.upload import Upload
from knowledge.readers.xlsx_layout import Layout, layout_of

# Excel itself shows no more.
DIGITS = 15


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of the visible sheets."""
    check_archive(upload, "xl/")
    with upload.parsing():
        book = ExcelReader(io.BytesIO(upload.content), read_only=True, data_only=True, keep_links=False)
        book.read()
        # Chart sheets have no rows.
        paths = {sheet.name: relation.target for sheet, relation in book.parser.find_sheets()}
        sheets = [sheet for sheet in book.wb.worksheets if hasattr(sheet, "reset_dimensions")]
    hidden = [sheet.title for sheet in sheets if sheet.sheet_state != "visible"]
    if hidden:
        upload.notices.append(_("Hidden sheets, left out: {names}.").format(names=", ".join(hidden)))
    for sheet in sheets:
        if sheet.title in hidden:
            continue
        with upload.parsing(), book.archive.open(paths[sheet.title]) as stream:
            layout = layout_of(stream, upload)
        refuse_formulas(upload, sheet.title, layout)
        names = (clean(sheet.title).strip() or "-",)
        yield from tables.drafts_of(rows(upload, sheet, layout), names, names[0][:MAX_CATEGORY])


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


def rows(upload: Upload, sheet: Any, layout: Layout) -> Iterator[tables.Row]:
    """Yield the rows as text, each with its place."""
    # Programs write a wrong size into the sheet's head; without it the rows decide.
    sheet.reset_dimensions()
    cells_of_rows = iter(sheet.iter_rows())
    carried: dict[int, tuple[int, str]] = {}
    number = 0
    while True:
        upload.check_time()
        with upload.parsing():
            row = next(cells_of_rows, None)
            cells = [shown(cell) for cell in row or ()]
        if row is None:
            return
        number += 1
        if not cells:
            continue
        if layout.is_banner(number, [position for position, cell in enumerate(cells, start=1) if cell]):
            continue
        fill(cells, number, layout, carried)
        place = _("Sheet {sheet}, row {row}").format(sheet=sheet.title, row=number)
        first = next((column for column, cell in enumerate(cells, start=1) if cell), 0)
        yield tables.Row(place, cells, grouped=first in carried)


def fill(cells: list[str], number: int, layout: Layout, carried: dict[int, tuple[int, str]]) -> None:
    """Write what is merged over several rows into this row; ``carried``: column to (last row, value)."""
    for merged in layout.tall.get(number, []):
        if merged.column <= len(cells):
            carried[merged.column] = (merged.last_row, cells[merged.column - 1])
    if not any(cells):
        return
    for column, (last_row, value) in list(carried.items()):
        if number > last_row:
            del carried[column]
        else:
            cells.extend([""] * (column - len(cells)))
            cells[column - 1] = value


def shown(cell: Any) -> str:
    """Return a cell's value as people write it; empty for errors (#N/A)."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        return number_text(value, percent="%" in (cell.number_format or ""))
    if isinstance(value, datetime | date | time | timedelta):
        return date_text(value)
    return clean(str(value)).strip()


def number_text(value: float, percent: bool = False) -> str:
    """Return a number without needless decimals or exponent: 8.0 is 8, 0.85 shown as percent is 85%."""
    text = f"{Decimal(f'{value * 100 if percent else value:.{DIGITS}g}'):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + "%" if percent else text


def date_text(value: datetime | date | time | timedelta) -> str:
    """Return 2026-01-01, 09:30, or both; seconds only where there are any."""
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    if isinstance(value, time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    if isinstance(value, datetime) and value.time() != time():
        return f"{value:%Y-%m-%d} {date_text(value.time())}"
    return f"{value:%Y-%m-%d}"
