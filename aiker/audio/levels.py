"""Where speech is audible in a piece of audio.

::

    last_loud_sample(pcm)    # end of the caller's speech
    first_loud_sample(pcm)   # where the reply becomes audible

Both the live call and the test caller measure voice-to-voice with these two,
so that their figures mean the same thing.
"""

from __future__ import annotations

import numpy as np

from aiker.audio.g711 import RATE, Pcm, decode

WINDOW = RATE // 200  # 5 ms
FLOOR_DBFS = -45.0
BELOW_PEAK_DB = 35.0


def window_dbfs(pcm: Pcm) -> np.ndarray:
    """Return the RMS level of each whole 5 ms window, in dB relative to full scale."""
    windows = pcm[: len(pcm) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32)
    rms = np.sqrt(np.mean(windows**2, axis=1) if len(windows) else np.zeros(0, np.float32))
    return 20 * np.log10(np.maximum(rms, 1.0) / 32768)


def _loud_windows(pcm: Pcm) -> np.ndarray:
    levels = window_dbfs(pcm)
    if not len(levels):
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(levels > max(FLOOR_DBFS, float(levels.max()) - BELOW_PEAK_DB))


def first_loud_sample(pcm: Pcm) -> int | None:
    """Return the first sample of the first audible 5 ms window, or None in silence."""
    loud = _loud_windows(pcm)
    return int(loud[0]) * WINDOW if len(loud) else None


def last_loud_sample(pcm: Pcm) -> int | None:
    """Return the sample behind the last audible 5 ms window, or None in silence."""
    loud = _loud_windows(pcm)
    return (int(loud[-1]) + 1) * WINDOW if len(loud) else None


def longest_pause_ms(pcm: Pcm) -> int:
    """Return the longest silence between audible windows, in ms."""
    loud = _loud_windows(pcm)
    return int(np.diff(loud).max() - 1) * WINDOW * 1000 // RATE if len(loud) > 1 else 0


def quiet_place(mulaw: bytes | bytearray, sample: int, back_ms: int) -> int:
    """Return the middle of the quietest 20 ms within ``back_ms`` before ``sample`` of 8 kHz ``mulaw``.

    Speech that stopped at ``sample`` goes on from there without cutting a syllable in two.
    """
    start = max(0, sample - back_ms * RATE // 1000)
    levels = window_dbfs(decode(bytes(mulaw[start:sample])))
    if start == 0 or len(levels) < 4:
        return 0 if start == 0 else sample
    quietest = int(np.argmin(np.convolve(levels, np.ones(4), "valid")))
    return start + (quietest + 2) * WINDOW


_QUIET = bytes(
    code for code in range(256) if abs(int(decode(bytes([code]))[0])) < 32768 * 10 ** ((FLOOR_DBFS + 3) / 20)
)
_SPIKES = 20  # one sample in so many may be louder: noise has peaks


def is_silent(mulaw: bytes) -> bool:
    """Whether 8 kHz ``mulaw`` is below ``FLOOR_DBFS``, by its samples alone: a microsecond a frame."""
    return len(mulaw.translate(None, _QUIET)) * _SPIKES <= len(mulaw)
