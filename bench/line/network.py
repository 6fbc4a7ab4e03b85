"""What a network and a room do to a call, without a clock: lost, late and repeated messages; an echo.

::

    network = Network(lose=0.05, duplicate=0.1, seed=7)
    for at_ms, number in network.deliveries(frames=500): ...   # in the order in which they arrive

Frames are 20 ms at 8 kHz. A frame keeps its own number, and so its own timestamp, however late it comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiker.audio.g711 import RATE

FRAME_MS = 20
LOUD = 328
"""Samples above this are sound: 1 % of full scale, -40 dBFS."""


@dataclass(frozen=True, slots=True)
class Network:
    """Shares (0 to 1) of frames lost, sent twice or overtaken by the next; the most a frame is late (ms)."""

    lose: float = 0.0
    burst: int = 1
    duplicate: float = 0.0
    reorder: float = 0.0
    jitter_ms: int = 0
    seed: int = 0

    def deliveries(self, frames: int) -> list[tuple[float, int]]:
        """Return (ms at which it arrives, number of the frame) by time of arrival.

        A socket is TCP: jitter alone delays what is behind it and never reorders.
        """
        random = np.random.default_rng(self.seed)
        arrived, latest, lost_until = [], 0.0, -1
        for number in range(frames):
            lost, twice, overtaken, late = random.random(4)
            latest = max(latest, (number + 1) * FRAME_MS + late * self.jitter_ms)
            if number > lost_until and lost < self.lose / self.burst:
                lost_until = number + self.burst - 1
            if number <= lost_until:
                continue
            at = latest + (1.5 * FRAME_MS if overtaken < self.reorder else 0)
            arrived += [(at, number)] * (2 if twice < self.duplicate else 1)
        return sorted(arrived, key=lambda delivery: delivery[0])


@dataclass(frozen=True, slots=True)
class Echo:
    """What was heard comes back `lag_ms` later, `return_loss_db` softer, through `fir` (of 8 kHz)."""

    lag_ms: int
    return_loss_db: float
    fir: tuple[float, ...] = (1.0,)

    def of(self, heard: NDArray[np.int16], start: int, stop: int) -> NDArray[np.float64]:
        """Return the echo at samples `start` to `stop` of the call, of what was heard since its start.

        A lag of 0 hears the frame that plays now: `heard` must reach to `stop`, what is missing is silence.
        """
        lag, taps = self.lag_ms * RATE // 1000, np.asarray(self.fir)
        first = start - lag - len(taps) + 1
        source = np.zeros(stop - lag - first)
        known = heard[max(first, 0) : max(stop - lag, 0)]
        source[max(-first, 0) : max(-first, 0) + len(known)] = known
        gain = 10 ** (-self.return_loss_db / 20) / np.abs(taps).sum()
        return np.asarray(np.convolve(source, taps, "valid") * gain)


def stretches(pcm: NDArray[np.int16], gap_ms: int = 600) -> list[tuple[float, float]]:
    """Return (start, end) in ms of each stretch of sound, silences up to `gap_ms` within it."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD)
    if not len(loud):
        return []
    cuts = np.flatnonzero(np.diff(loud) > gap_ms * RATE / 1000)
    starts, ends = loud[np.r_[0, cuts + 1]], loud[np.r_[cuts, len(loud) - 1]]
    return [(float(a) * 1000 / RATE, float(b) * 1000 / RATE) for a, b in zip(starts, ends, strict=True)]
