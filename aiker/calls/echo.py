"""Is what comes in our own voice coming back? Compares received with sent audio, window by window. Pure.

::

    echo = EchoDetector()
    for near, far in windows:                 # 256 samples (32 ms, 8 kHz) each, on one clock
        if echo.window(near, far): ...        # near holds no more than far can have caused

``far`` is the far-end reference: what is played at the other end while ``near`` is spoken there, by our
clock. The echo of it lags by up to ``MOST_LAG_MS``. It must not hold what is cleared before it is played.

For each lag and frequency band an upper bound of the echo's gain is kept: the least ratio of received to sent
power seen while something loud enough was sent. At the lag of a real echo that is its gain, whatever else is
said over it; at any other lag, and without an echo, it soon falls to that of the line's noise. What the
bounds cannot explain is somebody speaking. Before anything is learned all that is ``-FIRST_GAIN_DB`` softer
than what was sent may be echo, so that none interrupts its own cause from the first syllable on; a bound
rises by ``LEAK_DB_PER_S`` while nothing lowers it, so that a path that changed is learned again. (Minimum
statistics: R. Martin, IEEE Trans. Speech and Audio Processing 9 (5), 2001; here of a ratio.)
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aiker.audio import g711

WINDOW = 256  # samples, as the speech detector's
_HOP = WINDOW // 2  # between two lags: 16 ms
_HOP_S = _HOP / g711.RATE
MOST_LAG_MS = 640
_LAGS = round(MOST_LAG_MS / 1000 / _HOP_S)
_ROOM = 128  # rows, so that the history is moved every 2 s only
QUIET_WINDOWS = 26  # 832 ms behind the last sound that was sent its echo is over

FIRST_GAIN_DB = -9.0  # hybrids and handsets have 14 dB of return loss at least
MARGIN_DB = 5.0  # by which a sound exceeds its band's least gain: distortion, a room, two bands' worth of lag
TURN_MARGIN_DB = 2.0
LEAK_DB_PER_S = 8.0
LOUD_DB = -50.0  # dBFS in a band: what is softer tells nothing of the gain
_TAIL_DB = 4.0  # a room's decay a hop, RT60 of 0.24 s

_EDGES_HZ = (250, 500, 900, 1400, 2000, 2700, 3500)
_FREQUENCIES = np.fft.rfftfreq(WINDOW, 1 / g711.RATE)
_HANN = np.hanning(WINDOW).astype(np.float32)
_SCALE = np.float32(2 / (32768**2 * WINDOW * float((_HANN**2).sum())))  # bins' power, 1 = full scale
_BANDS = _SCALE * np.stack(
    [(low <= _FREQUENCIES) & (high > _FREQUENCIES) for low, high in pairwise(_EDGES_HZ)], axis=1
).astype(np.float32)

Powers = NDArray[np.float32]


def _power(db: float) -> np.float32:
    return np.float32(10 ** (db / 10))


_MARGIN, _TURN_MARGIN = _power(MARGIN_DB), _power(TURN_MARGIN_DB)
_LOUD, _TAIL = _power(LOUD_DB), _power(-_TAIL_DB)
_MOST_GAIN = _power(FIRST_GAIN_DB - MARGIN_DB)
_LEAK = _power(LEAK_DB_PER_S * WINDOW / g711.RATE)
_NOISE = _power(-80.0)  # in a band: a path that carries nothing just now may carry something later
_TOO_SOFT = np.float32(1e-30)


class EchoDetector:
    """See the module. Costs 37 microseconds a window while something is sent, next to nothing otherwise."""

    def __init__(self) -> None:
        bands = _BANDS.shape[1]
        self._bound = np.full((_LAGS, bands), _MOST_GAIN)
        # From ``_at`` on a row a lag, newest first: what may be heard of it at most, and 1 over the least.
        self._loudest = np.zeros((_ROOM + _LAGS, bands), np.float32)
        self._least = np.full((_ROOM + _LAGS, bands), 1 / _TOO_SOFT)
        self._at = _ROOM
        self._ratio = np.full((_LAGS, bands), 1 / _TOO_SOFT)  # received to sent, of the window before
        self._hops = np.zeros((4, bands), np.float32)  # the last of what was sent, oldest first
        self._tails = np.zeros((4, bands), np.float32)  # the same as a room prolongs it
        self._frames = np.zeros((3, WINDOW), np.float32)
        self._before = np.zeros(WINDOW, np.float32)  # the window of far before
        self._quiet = QUIET_WINDOWS

    def window(self, near: g711.Pcm, far: g711.Pcm, *, in_turn: bool = False) -> bool:
        """Take the next window of both; say whether ``near`` may be nothing but echo.

        ``in_turn``: somebody has begun to speak over it, who is not to be lost in a syllable of the echo.
        """
        self._quiet = 0 if far.any() else self._quiet + 1
        if self._quiet >= QUIET_WINDOWS:
            return False
        frames = self._frames
        frames[0, :_HOP], frames[0, _HOP:] = self._before[_HOP:], far[:_HOP]
        frames[1], frames[2] = far, near
        self._before[:] = far
        spectrum = np.fft.rfft(frames * _HANN)
        powers = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _BANDS
        self._remember(powers[:2])
        lags = slice(self._at, self._at + _LAGS)
        margin = _TURN_MARGIN if in_turn else _MARGIN
        expected = (self._loudest[lags] * self._bound).sum(axis=1).max() * margin
        self._learn(powers[2], self._least[lags])
        return bool(_NOISE < powers[2].sum() <= expected)

    def _remember(self, sent: Powers) -> None:
        """Take the powers of two hops; a lag is known once its neighbours on both sides are."""
        hops, tails = self._hops, self._tails
        hops[:2], hops[2:] = hops[2:].copy(), sent
        tails[:2] = tails[2:].copy()
        np.maximum(sent[0], tails[1] * _TAIL, out=tails[2])
        np.maximum(sent[1], tails[2] * _TAIL, out=tails[3])
        # Each hop with its neighbours, as the echo of it begins between two hops.
        loudest = np.maximum(np.maximum(tails[:2], tails[1:3]), tails[2:])
        least = np.minimum(np.minimum(hops[:2], hops[1:3]), hops[2:])
        if self._at == 0:
            self._loudest[_ROOM:] = self._loudest[:_LAGS].copy()
            self._least[_ROOM:] = self._least[:_LAGS].copy()
            self._at = _ROOM
        self._at -= 2
        self._loudest[self._at : self._at + 2] = loudest[::-1]
        self._least[self._at : self._at + 2] = 1 / np.where(least > _LOUD, least, _TOO_SOFT)[::-1]

    def _learn(self, received: Powers, least: Powers) -> None:
        bound = self._bound
        bound *= _LEAK
        np.minimum(bound, _MOST_GAIN, out=bound)
        ratio = np.maximum(received, _NOISE) * least
        # A dip between two hops of one voice is no less gain: the window before has to bear it out.
        np.minimum(bound, np.maximum(ratio, self._ratio), out=bound)
        self._ratio = ratio
