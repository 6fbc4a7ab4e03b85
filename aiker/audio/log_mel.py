"""Log-mel features as Whisper wants them, in numpy alone.

::

    features = log_mel(samples)      # float32 at 16 kHz -> float32[80, len(samples) // 160]

The engine server has faster-whisper for this; the web process would have to load CTranslate2 with it.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
HOP = 160  # samples: 10 ms
WINDOW = 400
MELS = 80
_LINEAR_BELOW_HZ = 1000.0  # Slaney's mel scale: linear, then logarithmic
_MELS_AT_1000_HZ = 15.0
_MELS_PER_LOG = 27.0 / np.log(6.4)
_FLOOR = 1e-10
_RANGE_LOG10 = 8.0  # what lies further below the loudest is cut off

Floats = NDArray[np.float32]


def log_mel(samples: Floats) -> Floats:
    """Return the log-mel spectrogram of ``samples`` (16 kHz, at least 201), a column each 10 ms."""
    padded = np.pad(samples, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mels = np.log10(np.maximum(_filters() @ power.T, _FLOOR))
    result: Floats = (np.maximum(mels, mels.max() - _RANGE_LOG10) + 4.0) / 4.0
    return result


@functools.cache
def _hann() -> Floats:
    window: Floats = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    return window


@functools.cache
def _filters() -> Floats:
    """Return triangles of equal area over the bins of the spectrum, [mels, bins]."""
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    edges = _hertz(np.linspace(0.0, float(_mel(np.array([RATE / 2]))[0]), MELS + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    filters: Floats = (np.maximum(0.0, np.minimum(rising, falling)) * 2 / (high - low)).astype(np.float32)
    return filters


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _MELS_AT_1000_HZ + np.log(np.maximum(hertz, 1.0) / _LINEAR_BELOW_HZ) * _MELS_PER_LOG
    return np.where(hertz < _LINEAR_BELOW_HZ, hertz * _MELS_AT_1000_HZ / _LINEAR_BELOW_HZ, above)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LINEAR_BELOW_HZ * np.exp((mels - _MELS_AT_1000_HZ) / _MELS_PER_LOG)
    return np.where(mels < _MELS_AT_1000_HZ, mels * _LINEAR_BELOW_HZ / _MELS_AT_1000_HZ, above)
