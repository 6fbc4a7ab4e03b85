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
    recorder.hear(LOUD, arrived_ms=520)
    caller, _ = channels(recorder.wav())
    assert np.flatnonzero(caller)[0] == 500 * 8


def test_the_fastest_frame_sets_the_callers_clock() -> None:
    recorder = Recorder()
    recorder.hear(LOUD, arrived_ms=60)  # 40 ms late
    recorder.hear(LOUD, arrived_ms=40)
    assert recorder.spoken_at(0) == 0
    assert recorder.spoken_at(40) == 40


def test_assistant_audio_stands_where_it_was_played_and_ends_where_it_was_cut() -> None:
    recorder = Recorder()
    recorder.say(LOUD, 100)
    recorder.say(LOUD, 120)
    recorder.cut(130)
    _, assistant = channels(recorder.wav())
    assert np.flatnonzero(assistant).tolist() == list(range(800, 1040))


def test_a_piece_of_caller_audio_is_found_by_its_time() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 160 + LOUD, arrived_ms=40)
    assert recorder.caller(20, 40) == LOUD
    assert recorder.caller(-200, 20) == g711.SILENCE * 160


def test_audio_faster_than_time_is_seen() -> None:
    recorder = Recorder()
    for _ in range(100):
        recorder.hear(LOUD, arrived_ms=20)
    assert recorder.ahead_ms(20) == 1980


def test_speech_ends_with_its_last_audible_sample() -> None:
    recorder = Recorder()
    recorder.hear(LOUD * 5 + g711.SILENCE * 800, arrived_ms=200)
    assert recorder.speech_end(0, 160) == 100  # the VAD held on for 60 ms


def test_what_is_stored_is_let_go_of() -> None:
    recorder = Recorder()
    recorder.hear(LOUD, arrived_ms=20)
    recorder.say(LOUD, plays_at_ms=20)
    recorder.forget()
    assert recorder.caller(0, 20) == b""
    assert len(recorder.wav()) == 44


def test_voice_to_voice_is_measured_in_the_recording() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 800 + LOUD * 5 + g711.SILENCE * 8000, arrived_ms=1200)  # speaks 100 to 200
    for number in range(10):  # a filler from 400 on, the answer from 700 on after 50 ms of silence
        recorder.say(LOUD, 400 + 20 * number)
    recorder.say(g711.SILENCE * 160, 700)
    recorder.say(g711.SILENCE * 80 + LOUD, 720)
    assert recorder.voice_to_voice(100, 600) == 530
    assert recorder.voice_to_voice(100, 300) == 200, "the filler, where nobody says it was one"


def test_a_recording_without_question_or_answer_measures_nothing() -> None:
    recorder = Recorder()
    recorder.hear(g711.SILENCE * 8000, arrived_ms=1000)
    assert recorder.voice_to_voice(100, 300) is None
    recorder.say(LOUD, 400)
    assert recorder.voice_to_voice(100, 300) is None
    assert recorder.voice_to_voice(100, None) is None
