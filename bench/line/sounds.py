"""What lies behind or in place of a caller: music on hold by arithmetic, a voice at a level under another.

::

    pcm = chords(seconds=16)                      # int16 at 8 kHz; rhythm() has a beat in it
    pcm = placed(pcm, {6.0: announcement})        # said over it
    pcm = under(television, caller, db=24)        # so far under the caller's active speech
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aiker.audio.g711 import RATE

CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
BEAT_S = 0.5
PEAK_DBFS = -12.0
FRAME = 160


def chords(seconds: float) -> NDArray[np.int16]:
    """Return four chords in turn, 2 s each."""
    time = np.arange(round(seconds * RATE)) / RATE
    played = np.array(CHORDS_HZ)[(time // 2).astype(int) % len(CHORDS_HZ)]
    tones = np.sin(2 * np.pi * played * time[:, None]).sum(axis=1)
    return _pcm(tones * np.exp(-(time % 2)))


def rhythm(seconds: float) -> NDArray[np.int16]:
    """Return the chords with a drum each half second."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    return _pcm(chords(seconds) / 8192 + noise * np.exp(-(time % BEAT_S) / 0.03))


def placed(bed: NDArray[np.int16], said: Mapping[float, NDArray[np.int16]]) -> NDArray[np.int16]:
    """Return `bed` with what is said from each second on added to it; what reaches past its end is cut."""
    mixed = bed.astype(np.int32)
    for at_s, pcm in said.items():
        start = round(at_s * RATE)
        room = mixed[start : start + len(pcm)]
        room += pcm[: len(room)]
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def under(behind: NDArray[np.int16], caller: NDArray[np.int16], db: float) -> NDArray[np.int16]:
    """Return `behind` with its active speech `db` under the caller's."""
    gain = active_rms(caller) / active_rms(behind) * 10 ** (-db / 20)
    return np.clip(np.round(behind * gain), -32768, 32767).astype(np.int16)


def active_rms(pcm: NDArray[np.int16]) -> float:
    """Return the level of the frames (20 ms) within 20 dB of the loudest; pauses do not count."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() / 100].mean()))


def _pcm(signal: NDArray[np.float64]) -> NDArray[np.int16]:
    peak = 32767 * 10 ** (PEAK_DBFS / 20)
    return np.round(signal / np.abs(signal).max() * peak).astype(np.int16)
