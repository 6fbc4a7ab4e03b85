"""Turns and ended calls, counted: findings, tallies, and which questions they were about.

::

    count_turns(turns, samples)         # within the transaction that takes them up
    ended = ended_calls()               # first: the turns of these are there already
    take_up_calls(ended)                # when those turns are taken up
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from aiker.calls.models import NEVER_LIVED, Call, Turn
from monitoring.cost.usage import flat
from monitoring.models import TurnSample
from monitoring.quality.models import CallSample, Finding, Notice
from monitoring.quality.noticing import HANGING_UP, counts, notices
from monitoring.quality.questions import question_key
from monitoring.tallies import Tallying

BATCH = 1000
# No call is longer than four hours (``Assistant.max_call_seconds``); it is written soon after.
OVERLAP = timedelta(hours=5)


def count_turns(turns: Sequence[Turn], samples: Sequence[TurnSample]) -> None:
    """Count turns, each with its sample, and note what there is to notice."""
    found = {turn.pk: notices(turn) for turn in turns}
    repeated = [turn for turn in turns if Notice.REPEATED in found[turn.pk]]
    asked_before = _questions_before(repeated)
    tallying, findings = Tallying(), []
    for turn, sample in zip(turns, samples, strict=True):
        noticed = found[turn.pk]
        every = [Notice.ANY, *noticed] if noticed else []
        tallying.count(
            sample.at, sample.assistant, {**counts(turn), **dict.fromkeys(every, 1), **flat(turn.usage)}
        )
        if noticed:
            about = asked_before.get(turn.pk, turn)
            question = question_key(about.user_text)
            findings += [_finding(turn.pk, about.pk, question, notice, sample) for notice in every]
            if question:
                tallying.ask(sample.at, sample.assistant, question, every)
    Finding.objects.bulk_create(findings, batch_size=1000)
    tallying.write()


def _finding(turn: int, about: int, question: str, notice: Notice, sample: TurnSample) -> Finding:
    return Finding(
        turn_id=turn,
        about_id=about,
        notice=notice,
        at=sample.at,
        assistant=sample.assistant,
        question=question,
    )


def _questions_before(turns: Sequence[Turn]) -> dict[int, Turn]:
    """Return the turn whose answer was to be repeated, for each of ``turns`` that has one before it."""
    if not turns:
        return {}
    calls = {turn.call_id for turn in turns}
    asked = Turn.objects.filter(call_id__in=calls, manner="").exclude(user_text="")
    by_call: dict[UUID, list[Turn]] = {}
    for turn in asked.only("call_id", "number", "user_text").order_by("number"):
        by_call.setdefault(turn.call_id, []).append(turn)
    found = {}
    for turn in turns:
        before = [other for other in by_call.get(turn.call_id, ()) if other.number < turn.number]
        if before:
            found[turn.pk] = before[-1]
    return found


def ended_calls(limit: int = BATCH) -> list[Call]:
    """Return the oldest calls that ended and are not counted, at most ``limit``."""
    calls = Call.objects.exclude(end_reason__in=("", *NEVER_LIVED))
    if last := CallSample.objects.aggregate(last=Max("at"))["last"]:
        since = last - OVERLAP
        known = CallSample.objects.filter(at__gte=since, call__isnull=False).values("call_id")
        calls = calls.filter(started_at__gte=since).exclude(pk__in=known)
    fields = ("started_at", "duration_ms", "end_reason", "usage", "assistant__slug")
    return list(calls.select_related("assistant").only(*fields).order_by("started_at")[:limit])


def take_up_calls(calls: Sequence[Call]) -> None:
    """Count calls whose turns are all taken up."""
    if not calls:
        return
    with transaction.atomic():
        tallying = Tallying()
        for call in calls:
            added = {"calls": 1, "call_ms": call.duration_ms, **flat(call.usage)}
            tallying.count(call.started_at, _slug(call), added)
        CallSample.objects.bulk_create(
            [
                CallSample(call=call, at=call.started_at, assistant=_slug(call), duration_ms=call.duration_ms)
                for call in calls
            ]
        )
        _note_hanging_up([call for call in calls if call.end_reason in HANGING_UP], tallying)
        tallying.write()


def _slug(call: Call) -> str:
    return call.assistant.slug if call.assistant else ""


def _note_hanging_up(calls: Sequence[Call], tallying: Tallying) -> None:
    """Note of the last turns of ``calls`` which were still being answered."""
    last: dict[UUID, Turn] = {}
    turns = Turn.objects.filter(call_id__in=[call.pk for call in calls])
    for turn in turns.only("call_id", "number", "interrupted").order_by("number"):
        last[turn.call_id] = turn
    cut = [turn.pk for turn in last.values() if turn.interrupted]
    # That they were interrupted is noted already.
    findings = list(Finding.objects.filter(turn__in=cut, notice=Notice.ANY))
    for finding in findings:
        finding.pk, finding.notice = None, Notice.HUNG_UP
        tallying.count(finding.at, finding.assistant, {Notice.HUNG_UP: 1})
        if finding.question:
            tallying.ask(finding.at, finding.assistant, finding.question, [Notice.HUNG_UP])
    Finding.objects.bulk_create(findings)
