"""Sample rate conversion, whole clips and streams, on soxr.

::

    pcm8k = resample(pcm24k, 24000, 8000)

    stream = StreamResampler(24000, 8000)
    stream.feed(chunk); ...; stream.feed(last_chunk, last=True)

    half = Halver(); half.feed(frame)        # 16 kHz -> 8 kHz, as many samples as half of those that came
    twice = Doubler(); twice.feed(frame)     # 8 kHz -> 16 kHz
"""

from __future__ import annotations

import numpy as np
import soxr

from aiker.audio.g711 import Pcm


def resample(pcm: Pcm, source_hz: int, target_hz: int) -> Pcm:
    """Return ``pcm`` at ``target_hz``."""
    if source_hz == target_hz:
        return pcm
    return np.asarray(soxr.resample(pcm, source_hz, target_hz), dtype=np.int16)


class StreamResampler:
    """Convert a stream of int16 chunks; holds back up to 115 ms until ``last``.

    High quality on purpose: it low-passes speech from 24 kHz before it is
    decimated to the telephone's 8 kHz. A synthesised clause arrives much
    faster than it is played, so the hold-back costs nothing there.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16")

    def feed(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        return np.asarray(self._stream.resample_chunk(pcm, last=last), dtype=np.int16)


_TAPS = 47  # 1.4 ms of delay at 16 kHz; 3.4 kHz passes, 4.6 kHz is 50 dB down
_AT = np.arange(_TAPS) - _TAPS // 2
_HALF_BAND = (np.sinc(_AT / 2) / 2 * np.kaiser(_TAPS, 5.0)).astype(np.float32)
_HALF_BAND /= _HALF_BAND.sum()


class _Filter:
    """A low pass at a quarter of the rate that remembers where it was."""

    def __init__(self) -> None:
        self._before = np.zeros(_TAPS - 1, np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        line = np.concatenate([self._before, samples])
        self._before = line[len(line) - _TAPS + 1 :]
        return np.convolve(line, _HALF_BAND, "valid")


def _pcm(samples: np.ndarray) -> Pcm:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


class Halver:
    """A live stream at half its rate: nothing is held back but one sample of an odd number."""

    def __init__(self) -> None:
        self._filter = _Filter()
        self._left = np.zeros(0, np.int16)

    def feed(self, pcm: Pcm) -> Pcm:
        pcm = np.concatenate([self._left, pcm])
        even = len(pcm) // 2 * 2
        self._left = pcm[even:]
        return _pcm(self._filter.feed(pcm[:even].astype(np.float32))[::2]) if even else pcm[:0]


class Doubler:
    """A live stream at twice its rate."""

    def __init__(self) -> None:
        self._filter = _Filter()

    def feed(self, pcm: Pcm) -> Pcm:
        spread = np.zeros(2 * len(pcm), np.float32)
        spread[::2] = pcm
        return _pcm(2 * self._filter.feed(spread)) if len(pcm) else pcm
