"""What a telephone carries besides speech, by arithmetic: coughs, knocks, breath, hiss, hum.

::

    pcm = cough(seed=1)          # int16 at 8 kHz; the same seed gives the same samples

A cough is an explosive onset of noise, a weaker flow of air, and often a voiced end; its spectrum is that
of noise through the resonances of a mouth. Levels are peaks in dB relative to full scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiker.audio.g711 import RATE, Pcm

Signal = NDArray[np.float64]
MOUTH_HZ = (600.0, 1300.0, 2500.0)  # resonances of an open mouth
MAINS_HZ = 50.0


def cough(seed: int, coughs: int = 2) -> Pcm:
    """Return one or more coughs, each a third of a second long."""
    random = np.random.default_rng(seed)
    pieces = []
    for _ in range(coughs):
        burst = _resonant(random, 70, decay_ms=25)
        air = 0.35 * _resonant(random, 110, decay_ms=80)
        voiced = 0.5 * _voiced(random, 90, decay_ms=40)
        gap = np.zeros(_samples(random.uniform(60, 140)))
        pieces += [burst, air, voiced, gap]
    return _pcm(np.concatenate(pieces), peak_dbfs=-6)


def hem(seed: int) -> Pcm:
    """Return somebody clearing the throat: a rough voice with its mouth closed, twice."""
    random = np.random.default_rng(seed)
    pieces = []
    for ms in (180, 260):
        voiced = _voiced(random, ms, decay_ms=ms)
        rough = voiced * (1 + 0.5 * random.standard_normal(len(voiced)))
        pieces += [_band(rough + 0.3 * _resonant(random, ms, decay_ms=ms), 80, 1500), np.zeros(_samples(90))]
    return _pcm(np.concatenate(pieces), peak_dbfs=-8)


def knock(seed: int, knocks: int = 1) -> Pcm:
    """Return the handset being put down or tapped: a click and the low ringing of its case."""
    random = np.random.default_rng(seed)
    length = _samples(150)
    time = np.arange(length) / RATE
    ring = np.sin(2 * np.pi * random.uniform(140, 260) * time) * np.exp(-time / 0.02)
    click = random.standard_normal(length) * np.exp(-time / 0.004)
    return _pcm(np.tile(ring + click, knocks), peak_dbfs=-4)


def breath(seed: int, ms: float = 700) -> Pcm:
    """Return somebody breathing into the microphone."""
    random = np.random.default_rng(seed)
    swell = np.sin(np.pi * np.linspace(0, 1, _samples(ms))) ** 2
    return _pcm(_band(random.standard_normal(_samples(ms)), 100, 2000) * swell, peak_dbfs=-12)


def hiss(seed: int, ms: float = 1500) -> Pcm:
    """Return a burst of white noise, as a bad line has it."""
    random = np.random.default_rng(seed)
    return _pcm(random.standard_normal(_samples(ms)), peak_dbfs=-18)


def crackle(seed: int, ms: float = 1200) -> Pcm:
    """Return a loose contact: clicks at random, some loud."""
    random = np.random.default_rng(seed)
    signal = np.zeros(_samples(ms))
    for _ in range(30):
        at, length = random.integers(0, len(signal) - 80), random.integers(4, 80)
        signal[at : at + length] += random.standard_normal(length) * random.uniform(0.2, 1)
    return _pcm(signal, peak_dbfs=-5)


def hum(ms: float = 2000) -> Pcm:
    """Return mains hum with its harmonics."""
    time = np.arange(_samples(ms)) / RATE
    signal = sum(np.sin(2 * np.pi * MAINS_HZ * n * time) / n for n in range(1, 9))
    return _pcm(np.asarray(signal), peak_dbfs=-14)


def _samples(ms: float) -> int:
    return int(ms * RATE / 1000)


def _resonant(random: np.random.Generator, ms: float, decay_ms: float) -> Signal:
    noise = random.standard_normal(_samples(ms))
    shaped = sum(_band(noise, hz * 0.8, hz * 1.25) for hz in MOUTH_HZ) + 0.2 * noise
    return np.asarray(shaped) * np.exp(-np.arange(len(noise)) / _samples(decay_ms))


def _voiced(random: np.random.Generator, ms: float, decay_ms: float) -> Signal:
    pulses = np.zeros(_samples(ms))
    pulses[:: int(RATE / random.uniform(150, 300))] = 8.0
    shaped = sum(_band(pulses, hz * 0.8, hz * 1.25) for hz in MOUTH_HZ)
    return np.asarray(shaped) * np.exp(-np.arange(len(pulses)) / _samples(decay_ms))


def _band(signal: Signal, low_hz: float, high_hz: float) -> Signal:
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(len(signal), 1 / RATE)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    return np.fft.irfft(spectrum, len(signal))


def _pcm(signal: Signal, peak_dbfs: float) -> Pcm:
    peak = 32767 * 10 ** (peak_dbfs / 20)
    return np.round(signal / np.abs(signal).max() * peak).astype(np.int16)
