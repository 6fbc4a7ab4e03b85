"""Where a message's audio belongs in its stream, by the numbers that carriers put on it. Pure.

::

    numbering = Numbering()
    numbering.claim(160, at_ms=1000, chunk=51)     # samples since the first message
    numbering.claim(160)                           # no numbers: right behind the one before
    numbering.exact                                # timestamps: they go on while nothing is sent
    numbering.distrust()                           # they were no help: use the next best

Timestamps (ms, or samples where a carrier counts those) are used before chunk numbers, chunk numbers before
mere order.
"""

from __future__ import annotations

from enum import IntEnum

from aiker.audio import g711

_PER_MS = g711.RATE // 1000


class _Kind(IntEnum):
    TIMESTAMP = 0
    CHUNK = 1
    ORDER = 2


class Numbering:
    """See the module. One a stream."""

    def __init__(self) -> None:
        self._best = _Kind.TIMESTAMP  # that is still trusted
        self._kind = _Kind.ORDER  # of the last message
        self._first_ms: int | None = None
        self._last_ms = 0
        self._zero = 0  # claim of the first timestamp
        self._per_unit = _PER_MS  # samples a unit of the timestamps
        self._last_chunk: int | None = None
        self._last = 0  # claim of the last message, its samples
        self._samples = 0

    @property
    def exact(self) -> bool:
        """Whether the last message said when its audio was spoken, not only behind which other."""
        return self._kind is _Kind.TIMESTAMP

    @property
    def counted(self) -> bool:
        """Whether the last message had a number, so that the same one again is a repetition."""
        return self._kind is not _Kind.ORDER

    def distrust(self) -> None:
        """Stop using what claims were made from; the next claim starts anew."""
        self._best = _Kind(min(self._kind + 1, _Kind.ORDER))
        self._first_ms = self._last_chunk = None

    def claim(
        self, samples: int, *, at_ms: int | None = None, chunk: int | None = None, lost: int = 0
    ) -> int:
        """Return where a message of ``samples`` begins; ``lost`` are known to be missing before it."""
        behind = self._last + self._samples + lost
        if at_ms is not None and self._best is _Kind.TIMESTAMP:
            self._kind, place = _Kind.TIMESTAMP, self._by_time(at_ms, behind)
        elif chunk is not None and self._best <= _Kind.CHUNK:
            self._kind, place = _Kind.CHUNK, self._by_chunk(chunk, behind, samples)
        elif self._first_ms is not None and self._best is _Kind.TIMESTAMP:
            place = behind  # this one message has none
        else:
            self._kind, place = _Kind.ORDER, behind
        if chunk is not None:
            self._last_chunk = chunk
        self._last, self._samples = place, samples
        return place

    def _by_time(self, at_ms: int, behind: int) -> int:
        if self._first_ms is None:
            self._first_ms = self._last_ms = at_ms
            self._zero = behind
            return behind
        if at_ms - self._last_ms == self._samples and self._last == self._zero and self._samples > _PER_MS:
            self._per_unit = 1  # the second message is as many units later as the first has samples
        self._last_ms = at_ms
        return self._zero + (at_ms - self._first_ms) * self._per_unit

    def _by_chunk(self, chunk: int, behind: int, samples: int) -> int:
        if self._last_chunk is None:
            return behind
        step = chunk - self._last_chunk
        # Those that are missing are taken to be as long as this one.
        return behind + (step - 1) * samples if step > 0 else self._last + step * samples
