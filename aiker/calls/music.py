"""Is there music on the line, as while one is on hold? Told from a few seconds of it. Pure.

::

    is_music(pcm)          # 8 kHz, ``LISTEN_MS`` of it; True for music, False for noise

Most windows have a tone, a bin far over the mean of those around it, and it is another one now and then.
Noise of any colour has none, a hum or a beep always the same. Speech has fewer, and the speech detector
tells it.
"""

from __future__ import annotations

import numpy as np

from aiker.audio import g711

LISTEN_MS = 6000
_WINDOW = 512
_LEAST_DBFS = -55.0
_TONE_DB = 10.5  # of 16 that are possible; noise has 7
_AROUND = 20  # bins on either side, 310 Hz
_TONAL_SHARE = 0.5
_NOTES, _NOTE_SHARE = 3, 0.03
_LOW_HZ, _HIGH_HZ = 200, 3600


def is_music(pcm: g711.Pcm) -> bool:
    """Return whether ``pcm`` is music for the most part; False when it is shorter than a second."""
    windows = pcm[: len(pcm) // _WINDOW * _WINDOW].reshape(-1, _WINDOW).astype(np.float32)
    if len(windows) * _WINDOW < g711.RATE:
        return False
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32))) ** 2
    low, high = (hz * _WINDOW // g711.RATE for hz in (_LOW_HZ, _HIGH_HZ))
    powers = spectrum[:, low:high].astype(np.float64) + 1.0
    around = np.cumsum(np.pad(powers, ((0, 0), (_AROUND + 1, _AROUND)), "edge"), axis=1)
    over = powers * (2 * _AROUND + 1) / (around[:, 2 * _AROUND + 1 :] - around[:, : -2 * _AROUND - 1])
    level = 10 * np.log10(np.mean(windows**2, axis=1) / 32768**2 + 1e-12)
    tonal = (10 * np.log10(over.max(axis=1)) > _TONE_DB) & (level > _LEAST_DBFS)
    notes = np.bincount(over[tonal].argmax(axis=1))
    return bool(tonal.mean() >= _TONAL_SHARE and np.sum(notes >= _NOTE_SHARE * len(windows)) >= _NOTES)
