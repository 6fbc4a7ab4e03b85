"""Distributions that can be merged: percentiles of a day from those of its hours, to within one per cent.

::

    sketch = Sketch.of([310, 290, 1250])
    sketch.merge(Sketch.from_bytes(rollup.sketch))
    sketch.quantile(0.95)                  # within 1 % of the value at that rank
    sketch.share_above(2000)               # of 0 to 1
    sketch.counts([0, 500, 1000])          # how many in [0, 500), [500, 1000)

Values are not negative. The sketch is DDSketch; here are its bytes and what is asked of its bins.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ddsketch import DDSketch

ACCURACY = 0.01
_HEAD = struct.Struct("<BIdddi")  # format, zeros, sum, min, max, key of the first bin
_FORMAT = 1


class Sketch:
    """See the module."""

    def __init__(self) -> None:
        self._sketch = DDSketch(ACCURACY)

    @classmethod
    def of(cls, values: Iterable[float]) -> Sketch:
        sketch = cls()
        for value in values:
            sketch.add(value)
        return sketch

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Sketch:
        """Return the sketch that ``to_bytes`` wrote; ValueError for a format this release does not know."""
        kind, zeros, total, least, most, first = _HEAD.unpack_from(data)
        if kind != _FORMAT:
            raise ValueError(f"a sketch of the unknown format {kind}")
        bins = array("I", bytes(data[_HEAD.size :]))
        sketch = cls()
        inner, store = sketch._sketch, sketch._sketch._store
        if bins:
            store.bins, store.offset, store.count = list(bins), first, sum(bins)
            store.min_key, store.max_key = first, first + len(bins) - 1
        inner._zero_count, inner._sum, inner._min, inner._max = zeros, total, least, most
        inner._count = zeros + store.count
        return sketch

    def to_bytes(self) -> bytes:
        inner = self._sketch
        keys = dict(self._bins())
        first, last = (min(keys), max(keys)) if keys else (0, -1)
        bins = array("I", (round(keys.get(key, 0)) for key in range(first, last + 1)))
        head = _HEAD.pack(_FORMAT, round(inner._zero_count), inner._sum, inner._min, inner._max, first)
        return head + bins.tobytes()

    def add(self, value: float) -> None:
        self._sketch.add(max(0.0, value))

    def merge(self, other: Sketch) -> None:
        self._sketch.merge(other._sketch)

    @property
    def count(self) -> int:
        return round(self._sketch.count)

    @property
    def average(self) -> float | None:
        return self._sketch.avg if self.count else None

    @property
    def maximum(self) -> float | None:
        return self._sketch._max if self.count else None

    def quantile(self, share: float) -> float | None:
        """Return the value at ``share`` of the ranks, 0 to 1; None when there are no values."""
        value = self._sketch.get_quantile_value(share)
        return None if value is None else min(max(value, self._sketch._min), self._sketch._max)

    def share_above(self, threshold: float) -> float:
        """Return the share of values over ``threshold``; 0 when there are none."""
        if not self.count:
            return 0.0
        mapping = self._sketch._mapping
        return sum(n for key, n in self._bins() if mapping.value(key) > threshold) / self.count

    def counts(self, edges: Sequence[float]) -> list[int]:
        """Return how many values are between each two neighbours of ``edges``, the last to infinity."""
        found = [0] * len(edges)
        for value, count in self._values():
            place = bisect_right(edges, value) - 1
            if place >= 0:
                found[place] += count
        return found

    def _values(self) -> Iterator[tuple[float, int]]:
        if self._sketch._zero_count:
            yield 0.0, round(self._sketch._zero_count)
        for key, count in self._bins():
            yield self._sketch._mapping.value(key), round(count)

    def _bins(self) -> Iterator[tuple[int, float]]:
        store = self._sketch._store
        return ((place + store.offset, count) for place, count in enumerate(store.bins) if count)


class Summary(NamedTuple):
    """What can be told of a sketch's bytes without its bins."""

    average: float
    maximum: float


def summary(data: bytes | memoryview, count: int) -> Summary:
    """Return the average and the maximum of ``count`` values; ``data`` is what ``to_bytes`` wrote."""
    _, _, total, _, most, _ = _HEAD.unpack_from(data)
    return Summary(total / count, most)


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """Return one sketch of all values."""
    whole = Sketch()
    for sketch in sketches:
        whole.merge(sketch)
    return whole
