"""The turns that operators listen to again, the newest first, with what was noticed and said of each.

::

    wanted = Wanted(window, assistant="anna", notice="refused", reviewed="no", question="")
    page = wanted.page(1)           # page.rows, page.has_next
    wanted.rows(20_000)             # for an export
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from aiker.calls.models import Turn
from monitoring.models import Finding, Notice, Review, TurnSample
from monitoring.quality.noticing import certainty
from monitoring.quality.report import findings, notices_of
from monitoring.windows import Window

PER_PAGE = 25
MOST_PAGES = 200
# So many reviews are looked through for those of a window.
MOST_REVIEWS = 5000
EVERY_TURN = "turns"
"""In place of a notice: also the turns of which nothing was noticed."""
REVIEWED, NOT_REVIEWED = "yes", "no"


@dataclass(frozen=True, slots=True)
class TurnRow:
    turn: Turn
    at: datetime
    assistant: str
    notices: list[Notice]
    review: Review | None

    @property
    def certainty(self) -> dict[str, float]:
        return certainty(self.turn)


@dataclass(frozen=True, slots=True)
class TurnPage:
    rows: list[TurnRow]
    number: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """``notice`` is one of ``Notice`` or EVERY_TURN; ``reviewed`` a verdict, REVIEWED or NOT_REVIEWED."""

    window: Window
    assistant: str = ""
    notice: str = Notice.ANY
    reviewed: str = ""
    question: str = ""

    def page(self, number: int) -> TurnPage:
        """Return a page of the list, the first being 1."""
        number = min(max(1, number), MOST_PAGES)
        first = (number - 1) * PER_PAGE
        found = self._places(first, first + PER_PAGE + 1)
        rows = list(_rows(found[:PER_PAGE]))
        return TurnPage(rows, number, has_next=len(found) > PER_PAGE and number < MOST_PAGES)

    def rows(self, most: int) -> Iterator[TurnRow]:
        """Yield the newest, at most so many."""
        places = self._places(0, most)
        for first in range(0, len(places), 500):
            yield from _rows(places[first : first + 500])

    def _places(self, first: int, last: int) -> list[tuple[int, datetime, str]]:
        """Return the turn, moment and assistant of each wanted turn."""
        rows = self._reviewed(self._noticed()).order_by("-at", "-turn_id")
        return list(rows.values_list("turn_id", "at", "assistant")[first:last])

    def _noticed(self) -> QuerySet[Any]:
        if self.notice == EVERY_TURN and not self.question:
            window = self.window
            turns = TurnSample.objects.filter(at__gte=window.since, at__lt=window.until, turn__isnull=False)
            return turns.filter(assistant=self.assistant) if self.assistant else turns
        notice = Notice.ANY if self.notice == EVERY_TURN else Notice(self.notice)
        found: QuerySet[Finding] = findings(self.window, self.assistant, notice)
        return found.filter(question=self.question) if self.question else found

    def _reviewed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if not self.reviewed:
            return rows
        if self.reviewed == NOT_REVIEWED:
            return rows.filter(turn__review=None)
        reviews = Review.objects.all()
        if self.reviewed != REVIEWED:
            reviews = reviews.filter(verdict=self.reviewed)
        # Few turns are reviewed: they are found sooner from here than among all that were noticed.
        latest = list(reviews.order_by("-at").values_list("turn_id", flat=True)[:MOST_REVIEWS])
        return rows.filter(turn_id__in=latest)


def _rows(places: list[tuple[int, datetime, str]]) -> Iterator[TurnRow]:
    ids = [turn for turn, _, _ in places]
    fields = (
        "call_id", "number", "user_text", "assistant_text", "heard_text", "routing", "interrupted", "error",
    )  # fmt: skip
    turns = Turn.objects.only(*fields).in_bulk(ids)
    notices = notices_of(ids)
    reviews = {row.turn_id: row for row in Review.objects.filter(turn__in=ids).select_related("by")}
    for pk, at, assistant in places:
        if turn := turns.get(pk):
            yield TurnRow(turn, at, assistant, notices.get(pk, []), reviews.get(pk))
