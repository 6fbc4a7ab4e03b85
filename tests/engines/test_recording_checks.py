"""Each defect of a recording is found, and a good recording has none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.local.base import Samples
from engines.voices.recording_checks import check_recording

RATE = 24_000
_noise = np.random.default_rng(0)


def speech(seconds: float = 10.0) -> Samples:
    """Something with the envelope of speech: syllables of a voice and short pauses, peaks at -9 dBFS."""
    time = np.arange(round(seconds * RATE)) / RATE
    syllables = np.clip(np.sin(2 * np.pi * 1.5 * time) + 0.6, 0, 1)
    voice = np.sin(2 * np.pi * 180 * time) + 0.5 * np.sin(2 * np.pi * 720 * time)
    return (0.25 * syllables * voice).astype(np.float32)


def test_a_good_recording_has_no_defect() -> None:
    assert [str(figure) for figure in check_recording(speech(), RATE) if not figure.ok] == []


@pytest.mark.parametrize(
    ("code", "spoil", "rate"),
    [
        ("duration", lambda s: s[: 3 * RATE], RATE),
        ("duration", lambda s: np.tile(s, 13), RATE),
        ("rate", lambda s: s[::3], RATE // 3),
        ("level", lambda s: s * 0.01, RATE),
        ("clipping", lambda s: np.clip(s * 10, -1, 1), RATE),
        ("noise", lambda s: s + 0.05 * _noise.standard_normal(len(s)).astype(np.float32), RATE),
        ("silence", lambda s: np.concatenate([s, np.zeros(2 * len(s), np.float32)]), RATE),
    ],
)
def test_a_defect_is_named(code: str, spoil: Callable[[Samples], Samples], rate: int) -> None:
    bad = {figure.code for figure in check_recording(spoil(speech()), rate) if not figure.ok}
    assert code in bad


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(10 * RATE, np.float32)])
def test_silence_is_no_recording(samples: Samples) -> None:
    bad = {figure.code for figure in check_recording(samples, RATE) if not figure.ok}
    assert {"level", "noise", "silence"} <= bad
