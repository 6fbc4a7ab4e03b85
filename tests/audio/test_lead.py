"""Silence before speech goes, whatever pieces it comes in; speech is not touched."""

from __future__ import annotations

import numpy as np
import pytest

from aiker.audio.lead import KEPT_MS, MOST_MS, LeadCutter

RATE = 24_000
MS = RATE // 1000
TONE = (8000 * np.sin(np.arange(300 * MS) * 0.1)).astype(np.int16)


def silence(ms: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-40, 40, ms * MS).astype(np.int16)  # -63 dBFS of hiss


def cut(pcm: np.ndarray, piece: int) -> np.ndarray:
    cutter = LeadCutter(RATE)
    pieces = [cutter.feed(pcm[start : start + piece]) for start in range(0, len(pcm), piece)]
    return np.concatenate([*pieces, cutter.finish()])


@pytest.mark.parametrize("piece", [7, 480, 2400, 100_000])
@pytest.mark.parametrize("lead_ms", [0, 3, 20, 350, 900])
def test_a_lead_is_cut_to_what_a_consonant_needs(lead_ms: int, piece: int) -> None:
    out = cut(np.concatenate([silence(lead_ms), TONE, silence(400), TONE]), piece)
    kept = len(out) - len(TONE) * 2 - 400 * MS
    assert 0 <= kept <= (KEPT_MS + 5) * MS
    assert kept >= min(lead_ms, KEPT_MS - 5) * MS
    assert np.array_equal(out[kept:], np.concatenate([TONE, silence(400), TONE]))


def test_a_quiet_voice_is_not_lost() -> None:
    quiet = silence(MOST_MS * 3)
    assert len(cut(quiet, 2400)) >= 2 * MOST_MS * MS


def test_nothing_stays_nothing() -> None:
    assert len(cut(np.zeros(0, np.int16), 10)) == 0
