"""CSV to entries: comma, semicolon or tab between the cells."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from django.utils.translation import gettext as _

from knowledge.readers import tables
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.upload import Upload

DELIMITERS = ",;\t"
SAMPLED_ROWS = 20


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield a draft for each row."""
    text = decoded(upload)
    yield from tables.drafts_of(rows(upload, text, delimiter_of(text)), names=())


def rows(upload: Upload, text: str, delimiter: str) -> Iterator[tables.Row]:
    """Yield each row with its number, as a spreadsheet shows it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            upload.check_time()
            if any(cells):
                place = _("Row {row}").format(row=number)
                yield tables.Row(place, [cell.strip() for cell in cells])
    except csv.Error as exc:
        text = _(
            "{file}, line {line}: not valid CSV ({reason}). "
            'Check the quotation marks there and before: inside a quoted cell they are written twice ("").'
        )
        raise upload.error(text, line=reader.line_num, reason=exc) from exc


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
