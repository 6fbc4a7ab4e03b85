"""The playout of ``bench line``: frames, marks and clears as a carrier obeys them, and what was heard."""

from __future__ import annotations

import numpy as np
import pytest

from bench.line.playout import GROWS_BY, Playout, longest_silence_ms, silent_after_ms

FRAME = np.full(160, 5000, np.int16)


def test_frames_play_behind_each_other_or_at_once() -> None:
    playout = Playout()
    playout.media(80, FRAME)
    playout.media(100, FRAME)
    playout.media(1000, FRAME)
    assert np.flatnonzero(playout.heard(2000)).tolist() == [*range(80, 400), *range(1000, 1160)]


def test_a_mark_is_played_once_behind_what_was_sent_before_it() -> None:
    playout = Playout()
    playout.media(0, FRAME)
    playout.mark(10, "m")
    assert playout.marks_played(159) == []
    assert playout.marks_played(160) == ["m"]
    assert playout.marks_played(161) == []


def test_a_clear_silences_at_once_and_returns_the_marks() -> None:
    playout = Playout()
    for _ in range(5):
        playout.media(0, FRAME)
    playout.mark(0, "m")
    assert playout.clear(200) == ["m"]
    playout.media(240, FRAME)
    assert np.flatnonzero(playout.heard(900)).tolist() == [*range(200), *range(240, 400)]


def test_a_long_call_is_kept_whole() -> None:
    playout = Playout()
    playout.media(GROWS_BY * 2, FRAME)
    assert np.count_nonzero(playout.heard(GROWS_BY * 2 + 160)) == 160


def test_silences_are_measured_from_the_moment_asked_about() -> None:
    heard = np.zeros(40000, np.int16)
    heard[8000:16000] = heard[32000:33600] = 5000
    assert silent_after_ms(heard, 1500) == pytest.approx(500, abs=1)
    assert silent_after_ms(heard, 3000) == 0
    assert longest_silence_ms(heard, 1500) == pytest.approx(2000, abs=1)
    assert longest_silence_ms(heard, 4150) == pytest.approx(800, abs=1)
