"""Pieces of recorded calls."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from aiker.audio.g711 import Pcm
from aiker.audio.levels import first_loud_sample, last_loud_sample


def read_channels(path: Path) -> list[Pcm]:
    """Return each channel of a 16-bit WAV."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return list(samples.reshape(-1, file.getnchannels()).T)


def first_utterance(pcm: Pcm) -> Pcm:
    """Return what is spoken in ``pcm``, with 100 ms of silence on each side."""
    first, last = first_loud_sample(pcm), last_loud_sample(pcm)
    assert first is not None
    assert last is not None
    return pcm[max(0, first - 800) : last + 800]
