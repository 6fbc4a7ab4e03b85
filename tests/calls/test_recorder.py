"""Both directions on one clock."""

import io
import wave

import numpy as np

from aiker.audio import g711
from aiker.calls.recorder import Recorder

LOUD = b"\x10" * 160


def channels(wav: bytes) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(io.BytesIO(wav)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    return pcm[:, 0], pcm[:, 1]


def test_caller_audio_starts_where_it_was_spoken() -> None:
    recorder = Recorder()
    recorder.hear(LOUD, at_ms=0)
    recorder.tie(500)
    caller, _ = channels(recorder.wav())
    assert np.flatnonzero(caller)[0] == 500 * 8


def test_audio_that_comes_late_replaces_the_silence_in_its_place() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 480, at_ms=0)
    recorder.hear(LOUD, at_ms=20)
    assert recorder.caller(0, 60) == g711.SILENCE * 160 + LOUD + g711.SILENCE * 160


def test_audio_from_before_the_answer_is_not_in_the_recording() -> None:
    recorder = Recorder()
    recorder.hear(LOUD + g711.SILENCE * 160, at_ms=0)
    recorder.tie(-10)
    caller, _ = channels(recorder.wav())
    assert (len(caller), np.flatnonzero(caller)[-1]) == (240, 79)


def test_assistant_audio_stands_where_it_was_played_and_ends_where_it_was_cut() -> None:
    recorder = Recorder()
    recorder.say(LOUD, 100)
    recorder.say(LOUD, 120)
    recorder.cut(130)
    _, assistant = channels(recorder.wav())
    assert np.flatnonzero(assistant).tolist() == list(range(800, 1040))


def test_a_piece_of_caller_audio_is_found_by_its_time() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 160 + LOUD, at_ms=0)
    assert recorder.caller(20, 40) == LOUD
    assert recorder.caller(-200, 20) == g711.SILENCE * 160


def test_speech_ends_with_its_last_audible_sample() -> None:
    recorder = Recorder()
    recorder.hear(LOUD * 5 + g711.SILENCE * 800, at_ms=0)
    assert recorder.speech_end(0, 160) == 100  # the VAD held on for 60 ms


def test_what_is_stored_is_let_go_of() -> None:
    recorder = Recorder()
    recorder.hear(LOUD, at_ms=0)
    recorder.say(LOUD, plays_at_ms=20)
    recorder.forget()
    assert recorder.caller(0, 20) == b""
    assert len(recorder.wav()) == 44


def test_voice_to_voice_is_measured_in_the_recording() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 800 + LOUD * 5 + g711.SILENCE * 8000, at_ms=0)  # speaks 100 to 200
    for number in range(10):  # a filler from 400 on, the answer from 700 on after 50 ms of silence
        recorder.say(LOUD, 400 + 20 * number)
    recorder.say(g711.SILENCE * 160, 700)
    recorder.say(g711.SILENCE * 80 + LOUD, 720)
    assert recorder.voice_to_voice(100, 200, 600) == 530
    assert recorder.voice_to_voice(100, 200, 300) == 200, "the filler, where nobody says it was one"


def test_a_recording_without_question_or_answer_measures_nothing() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 8000, at_ms=0)
    assert recorder.voice_to_voice(100, 200, 300) is None
    recorder.say(LOUD, 400)
    assert recorder.voice_to_voice(100, 200, 300) is None
    assert recorder.voice_to_voice(100, 200, None) is None


def test_what_sounds_between_question_and_answer_is_none_of_the_question() -> None:
    """beep_behind"""
    recorder = Recorder()
    recorder.hear(LOUD * 10, at_ms=0)
    recorder.hear(LOUD * 20, at_ms=400)
    recorder.say(LOUD, 790)
    assert recorder.voice_to_voice(0, 200, 700) == 590
