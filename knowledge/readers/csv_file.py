"""CSV to entries: comma, semicolon or tab between the cells.

A row with more cells than the header has lost quotation marks: its thousands (1,299元起) are joined again,
and what is left over goes on with the last column.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from knowledge.readers import tables
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.grid import HEADER_SEARCHED, is_faq, looks_like_question
from knowledge.readers.upload import Upload

DELIMITERS = ",;\t"
SAMPLED_ROWS = 20
THOUSANDS_BEFORE = re.compile(r"(?:^|\D)\d{1,3}(?:,\d{3})*$")
THOUSANDS_AFTER = re.compile(r"\d{3}(?!\d)")
CJK_END = re.compile(r"[\u3000-\u9fff\uff00-\uffef]$")


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield a draft for each row."""
    text = decoded(upload)
    delimiter = delimiter_of(text)
    yield from tables.drafts_of(rejoined(upload, rows(upload, text, delimiter), delimiter), (), upload)


def rows(upload: Upload, text: str, delimiter: str) -> Iterator[tables.Row]:
    """Yield each row with its number, as a spreadsheet shows it; empty ones too."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            upload.check_time()
            place = _("Row {row}").format(row=number)
            yield tables.Row(place, [cell.strip() for cell in cells])
    except csv.Error as exc:
        text = _(
            "{file}, line {line}: not valid CSV ({reason}). "
            'Check the quotation marks there and before: inside a quoted cell they are written twice ("").'
        )
        raise upload.error(text, line=reader.line_num, reason=exc) from exc


def rejoined(upload: Upload, rows: Iterator[tables.Row], delimiter: str) -> Iterator[tables.Row]:
    """Yield the rows of each block as wide as its header."""
    for empty, block in itertools.groupby(rows, key=lambda row: not any(row.cells)):
        if empty:
            yield from block
            continue
        found = list(block)
        width = width_of(found, upload)
        for row in found:
            yield (
                tables.Row(row.place, fitted(row.cells, width, delimiter))
                if len(row.cells) > width > 1
                else row
            )


def width_of(block: Sequence[tables.Row], upload: Upload) -> int:
    """Return how many columns a block has: those of its first row, or of its narrowest without a header."""
    wide = [row for row in block if len(row.filled()) > 1]
    if not wide:
        return 0
    known = (row for row in wide[:HEADER_SEARCHED] if is_faq(upload.columns.fields_of(row.cells)))
    if header := next(known, None):
        return len(header.cells)
    if looks_like_question(wide[0].cells):
        return min(len(row.cells) for row in wide)
    return len(wide[0].cells)


def fitted(cells: Sequence[str], width: int, delimiter: str) -> list[str]:
    """Return the cells of a row that has too many."""
    found = list(cells)
    position = 0
    while delimiter == "," and len(found) > width and position + 1 < len(found):
        if THOUSANDS_BEFORE.search(found[position]) and THOUSANDS_AFTER.match(found[position + 1]):
            found[position : position + 2] = [f"{found[position]},{found[position + 1]}"]
        else:
            position += 1
    if len(found) <= width or width != 2:
        return found
    mark = "，" if delimiter == "," and CJK_END.search(found[width - 1]) else delimiter
    return [*found[: width - 1], mark.join(filter(None, found[width - 1 :]))]


def delimiter_of(text: str) -> str:
    """Return the delimiter by which most of the first rows are as wide as the first, then the widest."""

    def fit(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            widths = [len(cells) for cells in itertools.islice(reader, SAMPLED_ROWS) if any(cells)]
        except csv.Error:
            return 0, 0
        return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)

    return max(DELIMITERS, key=fit)
