"""What the page of the quality shows, from counts: no query reads more than a few thousand rows.

::

    report = quality_report(chosen("24h", now), assistant="anna", notice=Notice.REFUSED)
    report.figures[0].count, report.figures[0].rate            # of 0 to 1, None without anything it is of
    report.points[0].rates[Notice.REFUSED]
    groups(window, "anna", Notice.REFUSED)[0].text             # the question that was asked most
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import FloatField, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from monitoring import tallies
from monitoring.models import Finding, Notice, QuestionTally, Rollup, Tally
from monitoring.quality.noticing import OF, TURNS
from monitoring.rollups import start_of
from monitoring.windows import Window

MOST_GROUPS = 20
LOOKED_AT = 12
EXAMPLES = 3
WORDINGS = 6


@dataclass(frozen=True, slots=True)
class NoticeFigures:
    """How often something was noticed, and of how many turns or calls."""

    notice: Notice
    count: int
    of: int

    @property
    def rate(self) -> float | None:
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Point:
    start: datetime
    rates: dict[Notice, float]


@dataclass(frozen=True, slots=True)
class QualityReport:
    window: Window
    assistant: str
    turns: int
    calls: int
    figures: list[NoticeFigures]
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Group:
    """A question in all its wordings; ``text`` is the latest, ``counts`` what was noticed of it."""

    question: str
    text: str
    wordings: list[str]
    count: int
    counts: dict[Notice, int]
    examples: list[Finding]


def scope_of(assistant: str) -> str:
    return f"assistant:{assistant}" if assistant else ""


def quality_report(window: Window, assistant: str = "") -> QualityReport:
    """Return the figures of an assistant, or of all."""
    found = tallies.stretches(window.step, scope_of(assistant), window.since, window.until)
    whole = tallies.total(found.values())
    return QualityReport(
        window,
        assistant,
        int(whole.get(TURNS, 0)),
        int(whole.get("calls", 0)),
        [_figures(notice, whole) for notice in Notice],
        [Point(start, _rates(counts)) for start, counts in found.items()],
    )


def _figures(notice: Notice, counts: Mapping[str, float]) -> NoticeFigures:
    return NoticeFigures(notice, int(counts.get(notice, 0)), int(counts.get(OF.get(notice, TURNS), 0)))


def _rates(counts: Mapping[str, float]) -> dict[Notice, float]:
    figures = [_figures(notice, counts) for notice in Notice]
    return {each.notice: each.rate for each in figures if each.rate is not None}


def assistants(window: Window) -> list[str]:
    """Return the assistants that had turns or calls in the window."""
    since = start_of(Rollup.Step.DAY, window.since)
    rows = Tally.objects.filter(step=Rollup.Step.DAY, start__gte=since, scope__gt="")
    return sorted({scope.partition(":")[2] for scope in rows.values_list("scope", flat=True).distinct()})


def groups(window: Window, assistant: str, notice: Notice, most: int = MOST_GROUPS) -> list[Group]:
    """Return the questions of which ``notice`` was noticed most, without those of deleted calls alone."""
    rows = QuestionTally.objects.filter(
        step=window.step, scope=scope_of(assistant), start__gte=window.since, start__lt=window.until
    )
    number = Cast(KeyTextTransform(notice.value, "counts"), FloatField())
    counted = rows.values("question").annotate(n=Sum(number)).filter(n__gt=0)
    largest = dict(counted.order_by("-n", "question").values_list("question", "n")[:most])
    counts: dict[str, dict[str, float]] = {question: {} for question in largest}
    for question, more in rows.filter(question__in=largest).values_list("question", "counts"):
        counts[question] = tallies.total([counts[question], more])
    found = [_group(window, assistant, notice, question, counts[question]) for question in largest]
    return [group for group in found if group is not None]


def _group(
    window: Window, assistant: str, notice: Notice, question: str, counts: Mapping[str, float]
) -> Group | None:
    found = of_question(findings(window, assistant, notice), question)
    examples = list(with_texts(found.order_by("-at"))[:LOOKED_AT])
    if not examples:
        return None
    texts = list(dict.fromkeys(finding.about.user_text for finding in examples))
    return Group(
        question,
        texts[0],
        texts[1:WORDINGS],
        int(counts[notice]),
        {each: int(counts[each]) for each in Notice if each is not Notice.ANY and counts.get(each)},
        examples[:EXAMPLES],
    )


def findings(window: Window, assistant: str, notice: Notice) -> QuerySet[Finding]:
    """Return where something was noticed."""
    found = Finding.objects.filter(notice=notice, at__gte=window.since, at__lt=window.until)
    return found.filter(assistant=assistant) if assistant else found


def of_question(found: QuerySet[Finding], question: str) -> QuerySet[Finding]:
    return found.filter(question=question)


def with_texts(found: QuerySet[Finding]) -> QuerySet[Finding]:
    """Return findings with what of their turns a page shows."""
    return found.select_related("turn", "about").only(
        "notice", "at", "assistant", "question", "turn__call_id", "turn__number", "about__user_text"
    )


def notices_of(turns: list[int]) -> dict[int, list[Notice]]:
    """Return what was noticed of each turn, in the order of ``Notice``."""
    order = list(Notice)
    found: dict[int, list[Notice]] = {}
    rows = Finding.objects.filter(turn__in=turns).exclude(notice=Notice.ANY)
    for turn, notice in rows.values_list("turn_id", "notice"):
        found.setdefault(turn, []).append(Notice(notice))
    return {turn: sorted(notices, key=order.index) for turn, notices in found.items()}
