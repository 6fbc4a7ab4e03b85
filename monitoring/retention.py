"""What is older than the operator wants is removed.

::

    removed = remove_old(now, limit_s=2)
    removed.counts      # {"audio": 12, "samples": 8640}: how many rows or recordings of each kind
    removed.is_all      # False: the time was over; the next call goes on
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet

from aiker.calls.models import Call
from monitoring import turns
from monitoring.models import CallSample, QuestionTally, Retention, Rollup, Sample, Tally, TurnSample
from monitoring.quality.counting import OVERLAP

logger = logging.getLogger(__name__)
Kind = Retention.Kind
BATCH = 500
CALLS = 20
"""Of these, with all their turns, fewer at a time."""

# Steps finer than those of the longest time that a page shows in them.
FINE = (
    (Tally, Rollup.Step.FIVE_MINUTES, timedelta(days=2)),
    (QuestionTally, Rollup.Step.FIVE_MINUTES, timedelta(days=2)),
    (QuestionTally, Rollup.Step.HOUR, timedelta(days=9)),
)


@dataclass(slots=True)
class Removed:
    counts: Counter[str] = field(default_factory=Counter)
    is_all: bool = True


def remove_old(
    now: datetime, limit_s: float = math.inf, clock: Callable[[], float] = time.monotonic
) -> Removed:
    """Remove what is older than its days; stop after the batch at which ``limit_s`` are over."""
    removed, until = Removed(), clock() + limit_s
    for kind, count in _removals(now):
        removed.counts[kind] += count
        if clock() >= until:
            removed.is_all = False
            break
    if removed.counts:
        logger.info("removed what was older than it is kept: %s", dict(removed.counts))
    return removed


def _removals(now: datetime) -> Iterator[tuple[str, int]]:
    """Remove a batch at each step; yield of which kind and how many."""
    for model, step, age in FINE:
        for count in _in_batches(model._default_manager.filter(step=step, start__lt=now - age)):
            yield "steps", count
    for row in Retention.objects.exclude(days=None):
        for count in _REMOVE[Kind(row.kind)](now - timedelta(days=row.days or 0)):
            yield row.kind, count


def _audio(before: datetime) -> Iterator[int]:
    """Delete recordings; their calls stay, without audio."""
    old = Call.objects.filter(started_at__lt=before).exclude(recording="").only("recording")
    while calls := list(old[:BATCH]):
        for call in calls:
            call.recording.delete(save=False)
            Call.objects.filter(pk=call.pk).update(recording="")
            yield 1


def _text(before: datetime) -> Iterator[int]:
    """Delete calls with all that was said, and their recordings (``calls.signals``)."""
    # The rest of a call, its events above all, is not read just to be deleted.
    return _in_batches(Call.objects.filter(started_at__lt=before).only("recording"), CALLS)


def _samples(before: datetime) -> Iterator[int]:
    yield from _in_batches(Rollup.objects.filter(step=Rollup.Step.FIVE_MINUTES, start__lt=before))
    yield from _in_batches(Sample.objects.filter(at__lt=before))


def _turns(before: datetime) -> Iterator[int]:
    # The newest stay: among them new turns are told from those that were taken up.
    settled = Q(turn=None) | Q(turn_id__lte=turns.last_taken_up() - turns.OVERLAP)
    if newest := CallSample.objects.aggregate(newest=Max("at"))["newest"]:
        yield from _in_batches(CallSample.objects.filter(at__lt=min(before, newest - OVERLAP)))
    yield from _in_batches(TurnSample.objects.filter(settled, at__lt=before))


def _rollups(before: datetime) -> Iterator[int]:
    yield from _in_batches(Tally.objects.filter(step__gte=Rollup.Step.HOUR, start__lt=before))
    yield from _in_batches(QuestionTally.objects.filter(step=Rollup.Step.DAY, start__lt=before))
    yield from _in_batches(Rollup.objects.filter(step__gte=Rollup.Step.HOUR, start__lt=before))


def _in_batches(rows: QuerySet[Any], size: int = BATCH) -> Iterator[int]:
    """Delete rows a few at a time, so that no call waits for the database; yield how many."""
    while keys := list(rows.values_list("pk", flat=True)[:size]):
        rows.filter(pk__in=keys).delete()
        yield len(keys)


_REMOVE = {
    Kind.AUDIO: _audio,
    Kind.TEXT: _text,
    Kind.SAMPLES: _samples,
    Kind.TURNS: _turns,
    Kind.ROLLUPS: _rollups,
}
