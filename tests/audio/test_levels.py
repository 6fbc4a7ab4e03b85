"""Ends of speech are found to the 5 ms window."""

import numpy as np
import pytest

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, is_silent, last_loud_sample


def tone(ms: int, amplitude: int = 8000) -> np.ndarray:
    return (amplitude * np.sin(np.arange(ms * 8) * 0.5)).astype(np.int16)


def silence(ms: int) -> np.ndarray:
    return np.zeros(ms * 8, np.int16)


def test_edges_of_a_tone() -> None:
    clip = np.concatenate([silence(100), tone(200), silence(50)])
    assert first_loud_sample(clip) == 800
    assert last_loud_sample(clip) == 2400


def test_noise_far_below_the_speech_is_not_speech() -> None:
    noise = np.random.default_rng(1).normal(0, 60, 4000).astype(np.int16)
    assert last_loud_sample(np.concatenate([tone(200), noise])) == 1600


def test_silence_has_no_edge() -> None:
    assert first_loud_sample(silence(100)) is None
    assert last_loud_sample(np.zeros(0, np.int16)) is None


@pytest.mark.parametrize(("dbfs", "silent"), [(-60, True), (-52, True), (-40, False), (-20, False)])
def test_a_frame_is_silent_below_the_floor(dbfs: float, silent: bool) -> None:
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (dbfs / 20), 160)
    assert is_silent(g711.encode(noise.astype(np.int16))) is silent
