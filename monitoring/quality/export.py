"""Turns as a table that a spreadsheet opens: UTF-8 with a byte order mark, and no cell that is a formula.

::

    response.write(as_csv(wanted.rows(MOST_ROWS), address="https://aiker.example"))
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from monitoring.quality.turn_list import TurnRow

MOST_ROWS = 20_000
BYTE_ORDER_MARK = "\ufeff"
# What begins so is a formula to a spreadsheet, full-width signs too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(rows: Iterable[TurnRow], address: str) -> str:
    """Return the rows as CSV; ``address`` of this site stands before the links to the calls."""
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    table = csv.writer(out)
    table.writerow(
        [
            _("Time"), _("Assistant"), _("Caller said"), _("Caller heard"), _("Noticed"),
            _("Average log probability"), _("Verdict"), _("Note"), _("By"), _("Reviewed at"), _("Call"),
        ]
    )  # fmt: skip
    for row in rows:
        table.writerow([harmless(cell) for cell in _cells(row, address)])
    return out.getvalue()


def _cells(row: TurnRow, address: str) -> list[Any]:
    turn, review = row.turn, row.review
    page = reverse("admin:calls_call_change", args=[turn.call_id])
    return [
        _moment(row.at),
        row.assistant,
        turn.user_text,
        turn.heard_text,
        ", ".join(str(notice.label) for notice in row.notices),
        row.certainty.get("avg_logprob", ""),
        review.get_verdict_display() if review else "",
        review.note if review else "",
        str(review.by or "") if review else "",
        _moment(review.at) if review else "",
        f"{address}{page}#turn-{turn.number}",
    ]


def _moment(at: Any) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"


def harmless(cell: Any) -> Any:
    """Return a cell that a spreadsheet shows as it stands; numbers stay numbers."""
    if isinstance(cell, str) and cell.lstrip(" \u3000").startswith(_FORMULA):
        return f"'{cell}"
    return cell
