"""Speech as a telephone exchange gets it: 8 kHz mu-law, and a bad line where one is wanted. Pure.

::

    over_line(speech, snr_db=15, seed=3)     # mu-law in, mu-law out
"""

from __future__ import annotations

import numpy as np

from aiker.audio import g711

HISS_SMOOTHING = 3  # samples; a line's noise is duller than white
LOUD = 0.02  # of full scale; the level of speech is taken where there is some


def over_line(speech: bytes, snr_db: float | None, seed: int = 0) -> bytes:
    """Return the speech with noise so many dB under it; None: a clean line. The same seed, the same noise."""
    pcm = g711.decode(speech).astype(np.float64) / 32768
    loud = pcm[np.abs(pcm) > LOUD]
    if snr_db is None or not loud.size:
        return speech
    level = np.sqrt(np.mean(loud**2)) * 10 ** (-snr_db / 20)
    random = np.random.default_rng(seed)
    hiss = np.convolve(random.standard_normal(len(pcm)), np.ones(HISS_SMOOTHING) / HISS_SMOOTHING, "same")
    hum = np.sin(2 * np.pi * 50 * np.arange(len(pcm)) / g711.RATE)
    noise = hiss / max(1e-9, float(np.std(hiss))) + 0.5 * hum
    mixed = np.clip(pcm + level * noise / float(np.std(noise)), -1, 32767 / 32768)
    return g711.encode((mixed * 32768).astype(np.int16))
