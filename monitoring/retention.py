"""What is older than the operator wants is removed.

::

    removed = remove_old(now)       # {"audio": 12, "samples": 8640}: how many of each kind
"""

from __future__ import annotations

import logging
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

# Steps finer than those of the longest time that a page shows in them.
FINE = (
    (Tally, Rollup.Step.FIVE_MINUTES, timedelta(days=2)),
    (QuestionTally, Rollup.Step.FIVE_MINUTES, timedelta(days=2)),
    (QuestionTally, Rollup.Step.HOUR, timedelta(days=9)),
)


def remove_old(now: datetime) -> dict[str, int]:
    """Remove what is older than its days; return how many rows or recordings of each kind went."""
    removed = {}
    for model, step, age in FINE:
        _in_batches(model._default_manager.filter(step=step, start__lt=now - age))
    for row in Retention.objects.exclude(days=None):
        before = now - timedelta(days=row.days or 0)
        if count := _REMOVE[Kind(row.kind)](before):
            removed[row.kind] = count
    if removed:
        logger.info("removed what was older than it is kept: %s", removed)
    return removed


def _audio(before: datetime) -> int:
    """Delete recordings; their calls stay, without audio."""
    old = Call.objects.filter(started_at__lt=before).exclude(recording="").only("recording")
    count = 0
    for call in old.iterator(BATCH):
        call.recording.delete(save=False)
        Call.objects.filter(pk=call.pk).update(recording="")
        count += 1
    return count


def _text(before: datetime) -> int:
    """Delete calls with all that was said, and their recordings (``calls.signals``)."""
    return _in_batches(Call.objects.filter(started_at__lt=before))


def _samples(before: datetime) -> int:
    _in_batches(Rollup.objects.filter(step=Rollup.Step.FIVE_MINUTES, start__lt=before))
    return _in_batches(Sample.objects.filter(at__lt=before))


def _turns(before: datetime) -> int:
    # The newest stay: among them new turns are told from those that were taken up.
    last = TurnSample.objects.aggregate(last=Max("turn_id"))["last"] or 0
    settled = Q(turn=None) | Q(turn_id__lte=last - turns.OVERLAP)
    if newest := CallSample.objects.aggregate(newest=Max("at"))["newest"]:
        _in_batches(CallSample.objects.filter(at__lt=min(before, newest - OVERLAP)))
    return _in_batches(TurnSample.objects.filter(settled, at__lt=before))


def _rollups(before: datetime) -> int:
    _in_batches(Tally.objects.filter(step__gte=Rollup.Step.HOUR, start__lt=before))
    _in_batches(QuestionTally.objects.filter(step=Rollup.Step.DAY, start__lt=before))
    return _in_batches(Rollup.objects.filter(step__gte=Rollup.Step.HOUR, start__lt=before))


def _in_batches(rows: QuerySet[Any]) -> int:
    """Delete rows a few at a time, so that no call waits for the database."""
    model, count = rows.model, 0
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        model._default_manager.filter(pk__in=keys).delete()
        count += len(keys)
    return count


_REMOVE = {
    Kind.AUDIO: _audio,
    Kind.TEXT: _text,
    Kind.SAMPLES: _samples,
    Kind.TURNS: _turns,
    Kind.ROLLUPS: _rollups,
}
