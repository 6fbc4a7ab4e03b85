"""The turns of calls, taken up as numbers: a row each, distributions for each scope, and what was noticed.

::

    while take_up_turns() == BATCH: ...

The rows of calls are read, not their events: a sampler that was stopped misses none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db import transaction

from aiker.calls.models import Turn
from monitoring.models import Rollup, TakenUp, TurnSample
from monitoring.quality.counting import count_turns
from monitoring.rollups import Key, add, start_of

TURNS = "turns"
BATCH = 1000
# Turns are numbered when they are written and seen when that is committed: a lower number may come later.
OVERLAP = 500

# Of less than an hour the rows themselves are read: mostly a step of minutes would hold a turn or two.
STEPS = (Rollup.Step.HOUR, Rollup.Step.DAY)
TOTAL = "total"
STAGES = (
    "endpoint_wait",
    "stt",
    "retrieval",
    "llm_first_token",
    "tool",
    "first_clause",
    "tts_first_audio",
    "filler",
    "playout",
)
# What an engine answers for, besides the whole.
OF_ENGINE = {
    "stt": ("stt",),
    "llm": ("llm_first_token", "first_clause"),
    "tts": ("tts_first_audio",),
    "rerank": ("retrieval",),
}
OWN_ENGINES = "-"
"""The profile of a call that the engines of the settings served."""


def take_up_turns(limit: int = BATCH) -> int:
    """Take up the oldest turns that are new, at most ``limit``; return how many they were."""
    with transaction.atomic():
        last = last_taken_up()
        after = max(0, last - OVERLAP)
        known = TurnSample.objects.filter(turn_id__gt=after).values("turn_id")
        new = (
            Turn.objects.filter(pk__gt=after)
            .exclude(pk__in=known)
            .select_related("call__assistant")
            .only(
                "call_id", "number", "at_ms", "voice_to_voice_ms", "contributions", "engines", "retrieval",
                "user_text", "passages", "routing", "error", "tools", "manner", "interrupted", "usage",
                "call__started_at", "call__profile", "call__assistant__slug",
            )
            .order_by("pk")[:limit]
        )  # fmt: skip
        turns = list(new)
        samples = [sample_of(turn) for turn in turns]
        TurnSample.objects.bulk_create(samples)
        if turns:
            TakenUp.objects.update_or_create(kind=TURNS, defaults={"last": max(last, turns[-1].pk)})
        roll_up(samples)
        count_turns(turns, samples)
    return len(samples)


def last_taken_up() -> int:
    """Return the highest key of a turn that was taken up."""
    return TakenUp.objects.filter(kind=TURNS).values_list("last", flat=True).first() or 0


def sample_of(turn: Turn) -> TurnSample:
    """Return the numbers of a turn."""
    assistant = turn.call.assistant
    return TurnSample(
        turn_id=turn.pk,
        call_id=turn.call_id,
        number=turn.number,
        at=turn.call.started_at + timedelta(milliseconds=turn.at_ms),
        assistant=assistant.slug if assistant else "",
        profile=turn.call.profile,
        version=turn.retrieval.get("version") or "",
        engines=turn.engines,
        total_ms=turn.voice_to_voice_ms,
        shares={share["name"]: share["ms"] for share in turn.contributions},
    )


def roll_up(samples: Sequence[TurnSample]) -> None:
    """Add the turns that were answered to the distributions of every step and scope."""
    values: dict[Key, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.total_ms is None:
            continue
        numbers = {**sample.shares, TOTAL: sample.total_ms}
        starts = {step: start_of(step, sample.at) for step in STEPS}
        for scope, metrics in scopes_of(sample):
            for metric in metrics or numbers:
                if metric in numbers:
                    for step, start in starts.items():
                        values[Key(step, scope, metric, start)].append(numbers[metric])
    add(values)


def scopes_of(sample: TurnSample) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the scopes that a turn counts in, and of which metrics; empty: of all."""
    yield "", ()
    if sample.assistant:
        yield f"assistant:{sample.assistant}", ()
    yield f"profile:{sample.profile or OWN_ENGINES}", ()
    if sample.version:
        yield f"version:{sample.version}", ("retrieval", TOTAL)
    for stage, engine in sample.engines.items():
        yield f"engine:{engine}", (*OF_ENGINE.get(stage, ()), TOTAL)
