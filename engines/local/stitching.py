"""Joining stretches of speech that were made apart, and dressing them for the ear, as they come.

Pure signal work on float32 mono samples at 24 kHz.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from engines.local.base import TTS_SAMPLE_RATE, Samples

_MS = TTS_SAMPLE_RATE // 1000
_HOP = 10 * _MS
_FADE = 5 * _MS
# More than a period of the lowest voice (80 Hz), so that two renderings can be laid in phase.
_SEARCH = 13 * _MS
_SEARCH_STEP = 4
LEAD_MS = 20
SPEECH_RMS = 10 ** (-20 / 20)
PEAK = 10 ** (-1 / 20)
# Softer than this, of speech at -20 dBFS, is breath or hiss.
_FLOOR = 10 ** (-40 / 20)
_PRIOR_HOPS = 40
# A voice that makes no sound at all must not be divided by.
_SOFTEST = 1e-4


def stretches(frames: int, first: int, growth: float, longest: int) -> list[tuple[int, int]]:
    """Cut ``frames`` into stretches (start, end) that grow from ``first`` to ``longest`` frames.

    The last one takes a rest that is not worth its own overhead.
    """
    cuts, size, start = [], float(first), 0
    while start < frames:
        end = start + int(size)
        if frames - end < first:
            end = frames
        cuts.append((start, end))
        start, size = end, min(size * growth, longest)
    return cuts


class Stitcher:
    """Lay each stretch in phase with the one before and cross-fade 5 ms.

    ::

        stitcher = Stitcher()
        for rendering, start, end in ...:       # with margins on both sides
            yield stitcher.add(rendering, start, end)

    Two renderings of the same frames differ in the phase of the voice: the lag with the best correlation
    joins them (WSOLA: Verhelst and Roelands 1993).
    """

    def __init__(self) -> None:
        self._tail: Samples | None = None

    def add(self, rendering: Samples, start: int, end: int) -> Samples:
        """Return the samples from ``start`` to ``end`` of ``rendering``, joined to what came before.

        Margins of 13 ms before ``start`` and 5 ms behind ``end`` serve the join; what follows ``end``
        must be rendered again by the next stretch.
        """
        tail, self._tail = self._tail, rendering[end : end + _FADE]
        if tail is None or len(tail) < _FADE:
            return rendering[start:end]
        at = start + self._lag(tail, rendering, start)
        ramp = np.linspace(0.0, 1.0, _FADE, dtype=np.float32)
        joint = tail * (1 - ramp) + rendering[at : at + _FADE] * ramp
        return np.concatenate([joint, rendering[at + _FADE : end]])

    def _lag(self, tail: Samples, rendering: Samples, start: int) -> int:
        def likeness(lag: int) -> float:
            there = rendering[start + lag : start + lag + _FADE]
            return float(tail @ there / (np.linalg.norm(there) + 1e-6))

        lags = range(-min(_SEARCH, start), min(_SEARCH, len(rendering) - start - _FADE), _SEARCH_STEP)
        return max(lags, key=likeness, default=0)


def dressed(stretches: Iterable[Samples], level: float, pause_ms: float) -> Iterator[Samples]:
    """Yield speech without the silence around it, at -20 dBFS RMS, ended by ``pause_ms`` of silence.

    ``level`` is the RMS of the voice's ordinary speech. Short and unstressed clauses are softer than that
    and are brought nearer as they are heard. Peaks stop at -1 dBFS.
    """
    held = np.zeros(0, np.float32)
    loudness = _Loudness(level)
    begun = False
    for stretch in stretches:
        speech = np.concatenate([held, np.clip(stretch * loudness.gains(stretch), -PEAK, PEAK)])
        loud = _loud_hops(speech)
        if not loud.size:
            # Before the first word nothing but its lead is kept; later it may be a pause within speech.
            held = speech if begun else speech[-LEAD_MS * _MS :]
            continue
        start = 0 if begun else max(0, int(loud[0]) * _HOP - LEAD_MS * _MS)
        end = min(len(speech), (int(loud[-1]) + 1) * _HOP)
        out, held = speech[start:end], speech[end:]
        if not begun:
            out[:_FADE] *= np.linspace(0.0, 1.0, _FADE, dtype=np.float32)
        begun = True
        yield out
    if begun:
        last = held[:_HOP] * np.linspace(1.0, 0.0, len(held[:_HOP]), dtype=np.float32)
        yield np.concatenate([last, np.zeros(round(pause_ms * _MS), np.float32)])


class _Loudness:
    """The gain of one piece of speech: what was heard of it, and the voice's level as if 400 ms of it."""

    def __init__(self, level: float) -> None:
        self._power = max(level, _SOFTEST) ** 2 * _PRIOR_HOPS
        self._hops = _PRIOR_HOPS
        self._gain: float | None = None

    def gains(self, stretch: Samples) -> Samples:
        """Return a gain for each sample: over a stretch it moves from the last one to the new."""
        loud = _speech_rms(stretch)
        self._power += float(np.sum(loud**2))
        self._hops += len(loud)
        new = SPEECH_RMS / float(np.sqrt(self._power / self._hops))
        old, self._gain = self._gain or new, new
        return np.linspace(old, new, len(stretch), dtype=np.float32)


def speech_level(samples: Samples) -> float:
    """Return the RMS of the speech in ``samples``, without its pauses; 0.0 for silence."""
    loud = _speech_rms(samples)
    return float(np.sqrt(np.mean(loud**2))) if loud.size else 0.0


def _speech_rms(samples: Samples) -> Samples:
    rms = _hop_rms(samples)
    return rms[rms > 0.1 * rms.max(initial=0.0)]


def to_pcm(samples: Samples) -> bytes:
    """Return float samples in [-1, 1] as s16le."""
    return (samples * 32767).astype("<i2").tobytes()


def _hop_rms(samples: Samples) -> Samples:
    frames = samples[: len(samples) // _HOP * _HOP].reshape(-1, _HOP)
    return np.sqrt(np.mean(frames**2, axis=1))


def _loud_hops(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.flatnonzero(_hop_rms(samples) > _FLOOR)
