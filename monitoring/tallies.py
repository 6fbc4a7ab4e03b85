"""Counts kept by step of time: read, added to and written back.

::

    add({TallyKey(Rollup.Step.HOUR, "assistant:anna", start): {"turns": 3, "refused": 1}})
    stretches(Rollup.Step.HOUR, "", since, until)        # {start: {"turns": 120, ...}}
    total(found.values())                                # {"turns": 1400, ...}

A count may be an amount, as seconds are. Names are those of ``quality.noticing`` and ``cost.usage``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count

from monitoring.models import QuestionTally, Rollup, Tally
from monitoring.rollups import start_of

STEPS = tuple(Rollup.Step)
MOST_QUESTIONS = {Rollup.Step.FIVE_MINUTES: 50, Rollup.Step.HOUR: 100, Rollup.Step.DAY: 500}
"""Questions that are kept of a stretch of time: when there are twice as many, the rarest go."""

Counts = dict[str, float]


class TallyKey(NamedTuple):
    step: int
    scope: str
    start: datetime


class QuestionKey(NamedTuple):
    step: int
    scope: str
    start: datetime
    question: str


def keys(at: datetime, assistant: str) -> Iterator[TallyKey]:
    """Yield every tally that something of this moment and assistant counts in."""
    for step in STEPS:
        start = start_of(step, at)
        yield TallyKey(step, "", start)
        if assistant:
            yield TallyKey(step, f"assistant:{assistant}", start)


class Tallying:
    """Collects counts for ``write``, which must run within a transaction."""

    def __init__(self) -> None:
        self._counts: dict[TallyKey, Counts] = defaultdict(lambda: defaultdict(float))
        self._questions: dict[QuestionKey, Counts] = defaultdict(lambda: defaultdict(float))

    def count(self, at: datetime, assistant: str, counts: Mapping[str, float]) -> None:
        for key in keys(at, assistant):
            for name, amount in counts.items():
                self._counts[key][name] += amount

    def ask(self, at: datetime, assistant: str, question: str, notices: Iterable[str]) -> None:
        """Count what was noticed of a question."""
        names = list(notices)
        for key in keys(at, assistant):
            for name in names:
                self._questions[QuestionKey(*key, question)][name] += 1

    def write(self) -> None:
        _write(self._counts)
        _write_questions(self._questions)


def _write(added: Mapping[TallyKey, Counts]) -> None:
    starts: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for key in added:
        starts[key.step, key.scope].append(key.start)
    for (step, scope), moments in starts.items():
        there = Tally.objects.filter(step=step, scope=scope, start__in=moments)
        for start, counts in there.values_list("start", "counts"):
            _merge(added[TallyKey(step, scope, start)], counts)
    Tally.objects.bulk_create(
        [Tally(**key._asdict(), counts=_tidy(counts)) for key, counts in added.items()],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["step", "scope", "start"],
        update_fields=["counts"],
    )


def _write_questions(added: Mapping[QuestionKey, Counts]) -> None:
    questions: dict[TallyKey, list[str]] = defaultdict(list)
    for key in added:
        questions[TallyKey(key.step, key.scope, key.start)].append(key.question)
    for stretch, asked in questions.items():
        for part in range(0, len(asked), 500):
            there = QuestionTally.objects.filter(**stretch._asdict(), question__in=asked[part : part + 500])
            for question, counts in there.values_list("question", "counts"):
                _merge(added[QuestionKey(*stretch, question)], counts)
    QuestionTally.objects.bulk_create(
        [QuestionTally(**key._asdict(), counts=_tidy(counts)) for key, counts in added.items()],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["step", "scope", "start", "question"],
        update_fields=["counts"],
    )
    for step, scope in {(stretch.step, stretch.scope) for stretch in questions}:
        _keep_most_asked(step, scope, [key.start for key in questions if key[:2] == (step, scope)])


def _keep_most_asked(step: int, scope: str, starts: list[datetime]) -> None:
    most = MOST_QUESTIONS[Rollup.Step(step)]
    rows = QuestionTally.objects.filter(step=step, scope=scope)
    sizes = rows.filter(start__in=starts).values("start").annotate(questions=Count("pk"))
    for start in sizes.filter(questions__gt=2 * most).values_list("start", flat=True):
        asked = rows.filter(start=start).values_list("counts", "pk")
        # A question that went before may have come back with nothing but the end of its call.
        rarest = sorted(asked, key=lambda row: -row[0].get("any", 0))[most:]
        rows.filter(pk__in=[pk for _, pk in rarest]).delete()


def _merge(counts: Counts, more: Mapping[str, float]) -> None:
    for name, amount in more.items():
        counts[name] = counts.get(name, 0) + amount


def _tidy(counts: Counts) -> Counts:
    return {name: round(amount, 3) for name, amount in counts.items()}


def stretches(step: int, scope: str, since: datetime, until: datetime) -> dict[datetime, Counts]:
    """Return the counts of every stretch that began in the time, the oldest first."""
    rows = Tally.objects.filter(step=step, scope=scope, start__gte=since, start__lt=until)
    return dict(rows.order_by("start").values_list("start", "counts"))


def total(stretches: Iterable[Mapping[str, float]]) -> Counts:
    """Return the sum of counts."""
    whole: Counts = {}
    for counts in stretches:
        _merge(whole, counts)
    return whole
