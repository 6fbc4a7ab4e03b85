"""The sounds of ``bench line``: levels hold whatever the pauses, and what is placed is where it should be."""

from __future__ import annotations

import numpy as np
import pytest

from bench.line.sounds import active_rms, chords, placed, rhythm, under


def test_music_goes_on_for_its_length_at_its_level() -> None:
    for music in (chords(5), rhythm(5)):
        assert len(music) == 40000
        assert np.abs(music.astype(int)).max() == pytest.approx(32767 * 10 ** (-12 / 20), abs=1)
    assert not np.array_equal(chords(5), rhythm(5))


def test_an_announcement_is_said_over_the_music() -> None:
    bed, said = np.full(16000, 100, np.int16), np.full(800, 1000, np.int16)
    mixed = placed(bed, {1.0: said, 1.95: said})
    assert np.flatnonzero(mixed == 1100).tolist() == [*range(8000, 8800), *range(15600, 16000)]


def test_a_level_is_that_of_speech_and_not_of_its_pauses() -> None:
    caller, behind = np.full(8000, 8000, np.int16), np.full(16000, 4000, np.int16)
    behind[8000:] = 0
    quiet = under(behind, caller, db=20)
    assert active_rms(quiet) == pytest.approx(800)
