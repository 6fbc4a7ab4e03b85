"""Percentiles of merged sketches are those of all values, to within one per cent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.sketches import ACCURACY, Sketch, merged

values = st.lists(st.integers(0, 60_000), min_size=1, max_size=300)


def exact(numbers: list[int], share: float) -> int:
    return sorted(numbers)[math.floor(share * (len(numbers) - 1))]


@given(st.lists(values, min_size=1, max_size=5), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_merged_hours_have_the_percentiles_of_their_values(hours: list[list[int]], share: float) -> None:
    whole = merged(Sketch.from_bytes(Sketch.of(hour).to_bytes()) for hour in hours)
    everything = [number for hour in hours for number in hour]
    assert whole.count == len(everything)
    assert whole.average == pytest.approx(sum(everything) / len(everything))
    # The rank is a product of floats: it may fall on either neighbour of a whole number.
    near = {exact(everything, max(0, share - 1e-9)), exact(everything, min(1, share + 1e-9))}
    found = whole.quantile(share)
    assert found is not None
    assert any(abs(found - number) <= ACCURACY * number + 1e-6 for number in near)


@given(values)
def test_bytes_lose_nothing(numbers: list[int]) -> None:
    sketch = Sketch.of(numbers)
    again = Sketch.from_bytes(sketch.to_bytes())
    assert again.to_bytes() == sketch.to_bytes()
    assert (again.count, again.maximum, again.average) == (sketch.count, sketch.maximum, sketch.average)


def test_an_empty_sketch_has_no_percentile() -> None:
    empty = Sketch.from_bytes(Sketch().to_bytes())
    assert (empty.count, empty.quantile(0.5), empty.average, empty.share_above(1)) == (0, None, None, 0.0)


def test_counts_and_shares() -> None:
    sketch = Sketch.of([0, 100, 600, 700, 3000])
    assert sketch.counts([0, 500, 1000, 2000]) == [2, 2, 0, 1]
    assert sketch.share_above(2000) == 0.2


def test_an_unknown_format_is_refused() -> None:
    data = Sketch.of([1]).to_bytes()
    with pytest.raises(ValueError, match="unknown format"):
        Sketch.from_bytes(b"\x07" + data[1:])
