"""Canaries of the knowledge, compared with the live version as their calls end.

::

    for canary in judge_canaries(): ...        # those that were rolled back; every few seconds

A call counts when it began after the canary did and is over. Which side it is on is what it was assigned; one
that was answered from another version than that (it began in the second in which the canary did) counts for
neither.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Prefetch, QuerySet

from aiker.calls.models import NEVER_LIVED, Call, Turn
from knowledge.canary.decision import EndedCall, compare, look_due
from knowledge.canary.running import note, rule_of
from knowledge.models import Canary
from monitoring.quality.models import Notice
from monitoring.quality.noticing import HANGING_UP, notices, was_searched, was_stopped

EACH_CALL = 200
"""Up to so many calls the figures follow each one; later each twentieth part of them."""
PART = 1.05
FIELDS = ("call_id", "number", "user_text", "passages", "retrieval", "manner", "interrupted", "routing",
          "error", "tools", "voice_to_voice_ms")  # fmt: skip


def judge_canaries() -> list[Canary]:
    """Compare every canary that runs; return those that were rolled back for it."""
    running = Canary.objects.filter(ended_at=None).select_related("version", "compared_with")
    return [canary for canary in running if judge(canary)]


def judge(canary: Canary) -> bool:
    """Compare a canary when enough calls have ended since the last time; return whether it is rolled back."""
    calls = ended_calls(canary)
    known, looked_at, now = canary.report.get("ended", 0), canary.report.get("looked_at", 0), calls.count()
    look = look_due(now, looked_at, canary.looks)
    if look is None and (now == known or (now > EACH_CALL and now < known * PART)):
        return False
    ended = [found for call in calls if (found := ended_call(call, canary))]
    comparison = compare(ended, look, seed=canary.pk)
    return note(canary, comparison, now, now if look else looked_at)


MISSES = {Notice.NO_PASSAGES, Notice.NEAREST}
"""A turn that the base has nothing for, or nothing that surely answers it."""


def ended_calls(canary: Canary) -> QuerySet[Call]:
    """Return the calls of the base that began during the canary and are over, with their turns."""
    turns = Prefetch("turns", Turn.objects.only(*FIELDS).order_by("number"))
    calls = Call.objects.filter(
        assistant__knowledge_base=canary.base_id, started_at__gte=canary.started_at
    ).exclude(end_reason__in=("", *NEVER_LIVED))
    return calls.only("caller", "end_reason").prefetch_related(turns)


def ended_call(call: Call, canary: Canary) -> EndedCall | None:
    """Return what counts of a call; None: it was answered from another version than it was assigned."""
    is_draft = rule_of(canary).serves(str(call.pk), call.caller)
    turns = list(call.turns.all())
    expected = canary.version if is_draft else canary.compared_with
    asked = {turn.retrieval["version"] for turn in turns if turn.retrieval.get("version")}
    if expected is None or not asked <= {expected.collection_name}:
        return None
    noticed = [notices(turn) for turn in turns]
    return EndedCall(
        is_draft,
        len(turns),
        searched=sum(map(was_searched, turns)),
        misses=sum(bool(MISSES & set(found)) for found in noticed),
        guard_stops=sum(was_stopped(turn.retrieval) for turn in turns),
        transferred=any(Notice.TRANSFERRED in found for found in noticed),
        hung_up=call.end_reason in HANGING_UP and bool(turns) and turns[-1].interrupted,
        latencies=tuple(latencies(turns)),
    )


def latencies(turns: Iterable[Turn]) -> Iterable[int]:
    return (turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None)
