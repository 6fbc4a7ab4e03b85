"""Whether the draft's calls are worse than chance explains: a randomisation test over calls. Pure.

::

    p = p_values({"misses": Sample(sums, counts)}, is_draft, alpha=0.005, seed=7)["misses"]

Which calls the draft serves is decided by chance (``assignment``). Were the two versions alike, any other
division of the same calls would have been as likely. So the calls are divided anew at random, thousands of
times, and p is the share of divisions that make the draft look at least as bad as it did (one-sided; Fisher,
*The Design of Experiments*, 1935; p = (b + 1) / (m + 1) as in Phipson & Smyth, *Permutation p-values should
never be zero*, 2010). It assumes no distribution and is exact with few calls; turns of one call need not be
independent, since a call is moved whole. With one turn a call it is Fisher's exact test of two rates, and of
ranks the test of Mann and Whitney.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIVISIONS_PER_ALPHA = 20
"""So many divisions are drawn that this many as bad as it was are expected where p is just alpha."""
MAX_DIVISIONS = 200_000
FIRST_DIVISIONS = 1000
ENOUGH = 20
"""With so many as bad as it was before all are drawn, p is above alpha (Besag and Clifford, *Sequential Monte
Carlo p-values*, 1991); only a p that is below it needs all divisions."""
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """For each call a sum and what it is of: misses of searched turns, ranks of latencies of turns."""

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]


def p_values(
    samples: Mapping[str, Sample], is_draft: NDArray[np.bool_], *, alpha: float, seed: int
) -> dict[str, float]:
    """Return p for each sample; 1 where one of the two sides has nothing to compare.

    Precise enough to be compared with ``alpha``; a p far above it is rough. The same seed gives the same.
    """
    names = list(samples)
    sums = np.array([samples[name].sums for name in names])
    counts = np.array([samples[name].counts for name in names])
    size = int(is_draft.sum())
    observed = differences(sums @ is_draft, counts @ is_draft, sums.sum(1), counts.sum(1))
    rng = np.random.default_rng(seed)
    wanted = min(MAX_DIVISIONS, math.ceil(DIVISIONS_PER_ALPHA / alpha))
    worse, drawn = np.zeros(len(names)), 0
    while drawn < wanted and (worse < ENOUGH).any():
        batch = min(max(FIRST_DIVISIONS, drawn), max(1, CELLS_AT_ONCE // len(is_draft)), wanted - drawn)
        chosen = divisions(rng, batch, len(is_draft), size)
        found = differences(sums @ chosen.T, counts @ chosen.T, sums.sum(1)[:, None], counts.sum(1)[:, None])
        worse += (found >= observed[:, None] - 1e-12).sum(1)
        drawn += batch
    return {
        name: 1.0 if np.isneginf(observed[i]) else float((worse[i] + 1) / (drawn + 1))
        for i, name in enumerate(names)
    }


def divisions(rng: np.random.Generator, number: int, calls: int, size: int) -> NDArray[np.float64]:
    """Return divisions of the calls, a row each: 1 for the ``size`` calls that the draft had served."""
    order = rng.random((number, calls)).argpartition(size - 1, axis=1)[:, :size]
    chosen = np.zeros((number, calls))
    np.put_along_axis(chosen, order, 1.0, axis=1)
    return chosen


def differences(
    draft_sums: NDArray[np.float64],
    draft_counts: NDArray[np.float64],
    all_sums: NDArray[np.float64],
    all_counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the draft's mean less the live version's; -inf where one of them has nothing."""
    live_sums, live_counts = all_sums - draft_sums, all_counts - draft_counts
    is_comparable = (draft_counts > 0) & (live_counts > 0)
    safe_draft, safe_live = np.where(is_comparable, draft_counts, 1), np.where(is_comparable, live_counts, 1)
    return np.where(is_comparable, draft_sums / safe_draft - live_sums / safe_live, -np.inf)


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the rank of each value among all, from 1; equal ones share the mean of theirs."""
    array = np.asarray(values, dtype=np.float64)
    _unique, index, number = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(number)
    return (last - (number - 1) / 2)[index]
