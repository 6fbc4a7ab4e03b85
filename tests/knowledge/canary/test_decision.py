"""A worse draft is rolled back within 60 calls; one that is no worse in at most 5 of 100 canaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from knowledge.canary.assignment import Rule
from knowledge.canary.decision import (
    ALPHA,
    Comparison,
    EndedCall,
    Look,
    Measure,
    compare,
    look_due,
)


@dataclass(frozen=True)
class Line:
    """How calls go with a version: shares of turns or calls, and the median latency in ms."""

    misses: float = 0.15
    guard_stops: float = 0.03
    transfers: float = 0.1
    hang_ups: float = 0.1
    latency: float = 1200.0

    def call(self, rng: np.random.Generator, is_draft: bool) -> EndedCall:
        turns = int(rng.integers(1, 7))
        vague = rng.gamma(2.0, 0.5)  # callers differ: misses of one call come together
        return EndedCall(
            is_draft,
            turns,
            searched=turns,
            misses=int(rng.binomial(turns, min(1.0, self.misses * vague))),
            guard_stops=int(rng.binomial(turns, self.guard_stops)),
            transferred=bool(rng.random() < self.transfers),
            hung_up=bool(rng.random() < self.hang_ups),
            latencies=tuple(int(ms) for ms in rng.lognormal(np.log(self.latency), 0.35, turns)),
        )


def run(draft: Line, live: Line, calls: int, seed: int, share: int = 50) -> tuple[int, Comparison | None]:
    """Play calls until the draft is rolled back; return after how many, and why."""
    rng, rule = np.random.default_rng(seed), Rule(f"canary-{seed}", share)
    ended: list[EndedCall] = []
    looks = looked_at = 0
    for number in range(calls):
        is_draft = rule.serves(str(number), "")
        ended.append((draft if is_draft else live).call(rng, is_draft))
        if look := look_due(len(ended), looked_at, looks):
            comparison = compare(ended, look, seed)
            looked_at, looks = len(ended), looks + bool(comparison.look)
            if comparison.worse:
                return len(ended), comparison
    return calls, None


@pytest.mark.parametrize(
    ("worse", "measure"),
    [
        (Line(misses=0.7), Measure.MISSES),
        (Line(guard_stops=0.5), Measure.GUARD_STOPS),
        (Line(transfers=0.9), Measure.TRANSFERS),
        (Line(hang_ups=0.9), Measure.HANG_UPS),
        (Line(latency=2500.0), Measure.LATENCY),
    ],
)
def test_a_worse_draft_is_rolled_back_within_60_calls(worse: Line, measure: Measure) -> None:
    outcomes = [run(worse, Line(), 60, seed) for seed in range(20)]
    rolled_back = [comparison for _calls, comparison in outcomes if comparison]
    assert len(rolled_back) >= 18
    assert all(measure in comparison.worse for comparison in rolled_back)


def test_a_draft_that_is_no_worse_is_rolled_back_in_at_most_five_percent() -> None:
    rolled_back = sum(run(Line(), Line(), 100, seed)[1] is not None for seed in range(1000))
    assert rolled_back / 1000 <= ALPHA


def test_a_better_draft_stays() -> None:
    better = Line(misses=0.02, guard_stops=0.0, transfers=0.02, hang_ups=0.02, latency=700.0)
    assert all(run(better, Line(), 160, seed)[1] is None for seed in range(20))


def test_a_little_slower_is_no_reason_however_many_calls_say_so() -> None:
    assert all(run(Line(latency=1230.0), Line(), 800, seed)[1] is None for seed in range(5))


def test_comparisons_get_rarer_and_their_risks_add_up_to_alpha() -> None:
    due: list[tuple[int, int]] = []
    looked_at = 0
    for ended in range(1, 200):
        if look := look_due(ended, looked_at, len(due)):
            looked_at = ended
            due.append((ended, look.number))
    assert due == [(20, 1), (30, 2), (45, 3), (68, 4), (102, 5), (153, 6)]
    looks = [look_due(10**9, 0, done) for done in range(100)]
    assert sum(look.alpha for look in looks if look) * len(Measure) == pytest.approx(ALPHA, rel=0.02)
    assert look_due(100, 30, 2) == Look(3, ALPHA / 5 / 12)  # many calls ended at once: one comparison
    assert look_due(101, 100, 3) is None


def test_too_few_calls_of_one_version_say_nothing() -> None:
    calls = [EndedCall(number < 7, 1, searched=1, misses=int(number < 7)) for number in range(40)]
    comparison = compare(calls, look_due(40, 0, 0), seed=1)
    assert comparison.worse == ()
    assert comparison.look is None  # it uses up nothing of the risk
    assert (comparison.draft_calls, comparison.rows[0].p) == (7, None)
    assert (comparison.rows[0].draft.count, comparison.rows[0].draft.of) == (7, 7)


def test_figures_between_comparisons_are_not_tested() -> None:
    comparison = compare([EndedCall(True, 1, latencies=(900,))], None, seed=1)
    assert comparison.worse == ()
    assert comparison.rows[-1].draft.value == 900
