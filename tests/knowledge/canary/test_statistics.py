"""The test agrees with the exact ones it generalises."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from knowledge.canary.statistics import Sample, p_values, ranks


def rates(draft: tuple[int, int], live: tuple[int, int]) -> tuple[Sample, np.ndarray]:
    """One turn a call: misses and calls of the draft, misses and calls of the live version."""
    sums = [1.0] * draft[0] + [0.0] * (draft[1] - draft[0]) + [1.0] * live[0] + [0.0] * (live[1] - live[0])
    is_draft = np.array([True] * draft[1] + [False] * live[1])
    return Sample(np.array(sums), np.ones(len(sums))), is_draft


def fisher(draft: tuple[int, int], live: tuple[int, int]) -> float:
    """One-sided p of Fisher's exact test, by the hypergeometric distribution."""
    misses, calls = draft[0] + live[0], draft[1] + live[1]
    ways = sum(
        comb(misses, k) * comb(calls - misses, draft[1] - k)
        for k in range(draft[0], min(misses, draft[1]) + 1)
    )
    return ways / comb(calls, draft[1])


@pytest.mark.parametrize(
    ("draft", "live"), [((6, 10), (1, 10)), ((3, 10), (2, 10)), ((9, 30), (1, 30)), ((5, 12), (8, 48))]
)
def test_of_one_turn_a_call_it_is_fishers_exact_test(draft: tuple[int, int], live: tuple[int, int]) -> None:
    sample, is_draft = rates(draft, live)
    p = p_values({"misses": sample}, is_draft, alpha=0.0002, seed=1)["misses"]
    exact = fisher(draft, live)
    assert p == pytest.approx(exact, rel=0.1) if exact < 0.04 else p == pytest.approx(exact, abs=0.06)


def test_turns_of_one_call_do_not_count_as_independent() -> None:
    """Ten misses of one call say much less than one miss each of ten calls."""
    is_draft = np.arange(20) < 10
    one_call = Sample(np.where(np.arange(20) == 0, 10.0, 0.0), np.full(20, 10.0))
    ten_calls = Sample(np.where(np.arange(20) < 10, 1.0, 0.0), np.full(20, 10.0))
    p = p_values({"one": one_call, "ten": ten_calls}, is_draft, alpha=0.0005, seed=1)
    assert p["one"] == pytest.approx(0.5, abs=0.05)
    assert p["ten"] < 0.0002


def test_a_side_without_anything_to_compare_says_nothing() -> None:
    is_draft = np.arange(20) < 10
    sample = Sample(np.where(is_draft, 1.0, 0.0), np.where(is_draft, 1.0, 0.0))
    assert p_values({"misses": sample}, is_draft, alpha=0.01, seed=1) == {"misses": 1.0}


def test_the_same_seed_gives_the_same() -> None:
    sample, is_draft = rates((6, 10), (1, 10))
    once, again = (p_values({"m": sample}, is_draft, alpha=0.01, seed=3) for _ in range(2))
    assert once == again


def test_equal_values_share_their_rank() -> None:
    assert list(ranks([30.0, 10.0, 30.0, 20.0])) == [3.5, 1.0, 3.5, 2.0]
