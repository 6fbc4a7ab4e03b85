"""The caller told from voices behind by the level, and what recognition hears of them."""

from __future__ import annotations

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.foreground import FLOOR_DB, GREETING_DB, Foreground
from aiker.calls.near_end import BEFORE_WINDOWS, BEHIND_WINDOWS, NearEnd
from aiker.calls.recorder import Recorder
from aiker.calls.vad import WINDOW, WINDOW_MS


def power(dbfs: float) -> float:
    return 10 ** (dbfs / 10)


class Talk:
    """Feeds windows of speech at a level, and says how many of them are the caller's."""

    def __init__(self) -> None:
        self.foreground = Foreground()

    def speech(self, dbfs: float, windows: int = 30, *, in_turn: bool = False, audible: bool = False) -> int:
        return sum(
            self.foreground.window(power(dbfs), voiced=True, in_turn=in_turn, audible=audible)
            for _ in range(windows)
        )

    def silence(self, windows: int = 30) -> None:
        for _ in range(windows):
            self.foreground.window(power(-70), voiced=False, in_turn=False, audible=False)

    def turn(self, dbfs: float) -> None:
        """Say something that is understood."""
        self.speech(dbfs, 3)
        self.speech(dbfs, 30, in_turn=True)
        self.foreground.accepted()
        self.silence()


def test_nothing_below_the_floor_is_a_caller() -> None:
    assert Talk().speech(FLOOR_DB - 1) == 0
    assert Talk().speech(FLOOR_DB + 1) > 25


def test_the_greeting_is_cut_by_a_louder_voice_only() -> None:
    assert Talk().speech(GREETING_DB - 1, audible=True) == 0
    assert Talk().speech(GREETING_DB + 1, audible=True) > 25


def test_once_the_caller_is_known_a_softer_voice_is_behind() -> None:
    talk = Talk()
    talk.turn(-22)
    assert talk.speech(-36) == 0
    talk.silence()
    assert talk.speech(-30) > 25


def test_a_shout_does_not_make_the_caller_a_voice_behind() -> None:
    talk = Talk()
    talk.turn(-5)
    assert talk.speech(-30) > 25


def test_a_caller_who_was_not_heard_may_be_softer() -> None:
    talk = Talk()
    talk.turn(-22)
    talk.foreground.relax()
    assert talk.speech(-38) > 25


def test_within_a_turn_a_voice_far_under_it_is_silence_after_a_syllable() -> None:
    talk = Talk()
    talk.speech(-20, 30, in_turn=True)
    assert talk.speech(-38, 30, in_turn=True) == pytest.approx(5, abs=2)
    assert talk.speech(-48, 30, in_turn=True) == 0
    assert talk.speech(-32, 30, in_turn=True) >= 28


def test_a_turn_that_a_television_began_is_measured_by_the_caller() -> None:
    talk = Talk()
    talk.speech(-40, 60, in_turn=True)
    talk.speech(-20, 30, in_turn=True)
    assert talk.speech(-40, 30, in_turn=True) <= 7


def test_recognition_hears_silence_in_place_of_a_voice_behind() -> None:
    recorder = Recorder()
    near_end = NearEnd(recorder)
    random = np.random.default_rng(1)
    levels = [-40] * 40 + [-20] * 20 + [-40] * 40
    for number, dbfs in enumerate(levels):
        pcm = random.standard_normal(WINDOW) * 32768 * 10 ** (dbfs / 20)
        recorder.hear(g711.encode(pcm.astype(np.int16)), number * WINDOW_MS)
        near_end.window(number * WINDOW_MS, 0.9, in_turn=number > 2, audible=False)
    heard = np.frombuffer(near_end.audio(0, len(levels) * WINDOW_MS), np.uint8).reshape(-1, WINDOW)
    audible = np.flatnonzero((heard != g711.SILENCE[0]).any(axis=1))
    assert audible[0] == 40 - BEFORE_WINDOWS
    assert audible[-1] == 59 + BEHIND_WINDOWS
    # From the middle of a window on it is the same audio.
    assert near_end.audio(1290.5, 1400) == recorder.caller(1290.5, 1400)
