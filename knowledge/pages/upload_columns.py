"""The columns of an uploaded table as the preview lists them, and the template that has the known ones.

::

    column_choices(upload)         # rows for the page: name, sample, field, whether it was recognised
    assigned_in(upload, request.POST)      # {"标准回应": "answer"}
    template_file()                # bytes of an XLSX
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from knowledge.models import Upload

FIELD_LABELS = {
    "question": gettext_lazy("question"),
    "answer": gettext_lazy("answer"),
    "alternative_questions": gettext_lazy("alternative questions"),
    "category": gettext_lazy("category"),
    "title": gettext_lazy("title"),
    "tags": gettext_lazy("tags"),
    "valid_from": gettext_lazy("valid from"),
    "valid_until": gettext_lazy("valid until"),
    "period": gettext_lazy("valid from and until"),
    "id": gettext_lazy("id"),
    "text": gettext_lazy("added to the answer, with its name"),
    "ignore": gettext_lazy("ignore: not imported"),
}
# The names of the columns are those of the files of Chinese teams, whatever the language of the admin.
TEMPLATE = {
    "问题": (
        36,
        gettext_lazy("As a caller asks it, one question a row. Example: 押金什么时候退？"),
    ),
    "标准答案": (
        60,
        gettext_lazy("What the caller is told: one or two facts, 15 to 60 characters, numbers in digits."),
    ),
    "相似问": (
        48,
        gettext_lazy(
            "The same question in other words, a line each (Alt+Enter) or parted by |. May be empty."
        ),
    ),
    "分类": (14, gettext_lazy("Group of the entry, for finding it in the admin. May be empty.")),
    "生效时间": (14, gettext_lazy("The first day it is said, as 2026-01-31. Empty: at once.")),
    "有效期至": (14, gettext_lazy("The last day it is said, as 2026-01-31. Empty: for ever.")),
}
TEMPLATE_ROWS = 5_000


@dataclass(frozen=True)
class ColumnChoice:
    """A column, and the choices for it: (value, label, whether it is chosen)."""

    number: int
    name: str
    sample: str
    recognised: bool
    choices: list[tuple[str, str, bool]]


def column_choices(upload: Upload) -> list[ColumnChoice]:
    """Return the columns in the order of the file."""
    found = []
    for number, column in enumerate(upload.columns):
        chosen = column["field"] or "text"
        shown = [field for field in FIELD_LABELS if field not in ("period",) or chosen == field]
        choices = [(field, str(FIELD_LABELS[field]), field == chosen) for field in shown]
        recognised = bool(column["field"]) or column["name"] in upload.assigned
        found.append(ColumnChoice(number, column["name"], column["sample"], recognised, choices))
    return found


def assigned_in(upload: Upload, form: Mapping[str, str]) -> dict[str, str]:
    """Return what the operator chose, by the names of the columns."""
    return {
        column["name"]: form[f"column-{number}"]
        for number, column in enumerate(upload.columns)
        if f"column-{number}" in form
    }


def template_file() -> bytes:
    """Return an XLSX with the known columns, each explained in a note on its head."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = gettext("Questions and answers")
    sheet.freeze_panes = "A2"
    for number, (name, (width, help_text)) in enumerate(TEMPLATE.items(), start=1):
        cell = sheet.cell(1, number, name)
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E2E8F0")
        cell.comment = Comment(str(help_text), "Aiker", width=320, height=90)
        letter = cell.column_letter
        sheet.column_dimensions[letter].width = width
        for row in sheet.iter_rows(2, 200, number, number):
            row[0].alignment = Alignment(wrap_text=True, vertical="top")
            row[0].number_format = "yyyy-mm-dd" if name in ("生效时间", "有效期至") else "@"
        if name in ("生效时间", "有效期至"):
            days = DataValidation("date", operator="greaterThan", formula1="36526", allow_blank=True)
            days.add(f"{letter}2:{letter}{TEMPLATE_ROWS}")
            sheet.add_data_validation(days)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
