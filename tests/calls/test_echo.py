"""The echo of what was sent, told from somebody speaking: noise in syllables stands for speech."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from aiker.audio import g711
from aiker.calls.echo import QUIET_WINDOWS, WINDOW, EchoDetector

Pcm = NDArray[np.int16]
SECOND = g711.RATE


def babble(seed: int, seconds: float, dbfs: float = -20) -> Pcm:
    """Return noise with the rhythm of speech, its syllables in different bands, over the telephone."""
    random = np.random.default_rng(seed)
    parts: list[NDArray[np.float64]] = []
    while sum(len(part) for part in parts) < seconds * SECOND:
        size = int(random.integers(800, 2000))
        spectrum = np.fft.rfft(random.standard_normal(size))
        hz = np.fft.rfftfreq(size, 1 / SECOND)
        spectrum *= 1 / (1 + ((hz - random.uniform(300, 1500)) / 300) ** 2) + 0.05
        syllable = np.fft.irfft(spectrum, size) * np.hanning(size) ** 0.5
        parts += [syllable / syllable.std(), np.zeros(int(random.integers(100, 1500)))]
    audio = np.concatenate(parts)[: round(seconds * SECOND)]
    return over_line(audio * 32768 * 10 ** (dbfs / 20))


def over_line(audio: NDArray[np.float64]) -> Pcm:
    noise = np.random.default_rng(0).standard_normal(len(audio)) * 32768 * 10 ** (-65 / 20)
    return g711.decode(g711.encode(np.clip(audio + noise, -32768, 32767).astype(np.int16)))


def echo_of(sent: Pcm, lag_ms: int, loss_db: float) -> NDArray[np.float64]:
    back = np.concatenate([np.zeros(lag_ms * 8), sent.astype(np.float64)])[: len(sent)]
    return back * 10 ** (-loss_db / 20)


def windows(audio: Pcm) -> list[Pcm]:
    return [audio[start : start + WINDOW] for start in range(0, len(audio) - WINDOW + 1, WINDOW)]


def explained(near: Pcm, far: Pcm) -> NDArray[np.bool_]:
    detector = EchoDetector()
    return np.array([detector.window(*both) for both in zip(windows(near), windows(far), strict=True)])


def loud(audio: Pcm, dbfs: float = -50) -> NDArray[np.bool_]:
    return np.array([np.std(window) > 32768 * 10 ** (dbfs / 20) for window in windows(audio)])


@pytest.mark.parametrize(
    ("loss_db", "lag_ms"), list(itertools.product((14, 20, 32, 44), (0, 20, 180, 400, 600)))
)
def test_an_echo_is_explained_from_its_first_window_to_its_last(loss_db: float, lag_ms: int) -> None:
    sent = np.concatenate([babble(lag_ms, 6), np.zeros(SECOND, np.int16)])
    near = over_line(echo_of(sent, lag_ms, loss_db))
    # Two windows in a row are what holds a reply.
    missed = ~explained(near, sent) & loud(near)
    assert not np.any(missed[1:] & missed[:-1])


def test_an_echo_that_becomes_softer_is_explained() -> None:
    sent = babble(3, 6)
    back = echo_of(sent, 120, 14) * 10 ** (-np.clip(np.arange(len(sent)) / SECOND, 0, 3) * 6 / 20)
    near = over_line(back)
    assert np.mean(explained(near, sent)[loud(near)]) == 1


@pytest.mark.parametrize(("loss_db", "caller_dbfs"), [(14, -20), (26, -26), (60, -38)])
def test_a_caller_is_not(loss_db: float, caller_dbfs: float) -> None:
    sent, caller = babble(1, 6), np.concatenate([np.zeros(3 * SECOND, np.int16), babble(2, 3, caller_dbfs)])
    near = over_line(echo_of(sent, 180, loss_db) + caller)
    spoken = loud(caller, caller_dbfs - 3)
    assert np.mean(~explained(near, sent)[spoken]) > 0.7


def test_a_loud_caller_is_not_even_before_anything_is_learned() -> None:
    sent, caller = babble(1, 1), babble(2, 1, -14)
    assert np.mean(~explained(caller, sent)[loud(caller, -16)]) > 0.7


def test_a_path_that_changes_is_learned_again() -> None:
    sent = babble(5, 14)
    half = len(sent) // 2
    near = np.concatenate([echo_of(sent, 60, 30)[:half], echo_of(sent, 340, 20)[half:]])
    late = explained(over_line(near), sent)[-len(windows(sent)) // 7 :]
    assert np.mean(late[loud(over_line(near))[-len(late) :]]) > 0.9


def test_where_nothing_was_sent_nothing_is_echo() -> None:
    detector, silence, caller = EchoDetector(), np.zeros(WINDOW, np.int16), babble(1, 1)
    assert not any(detector.window(window, silence) for window in windows(caller))
    # Behind the last sound that was sent neither, once its echo is over.
    detector.window(silence, windows(babble(2, 1))[0])
    heard = [detector.window(window, silence) for window in windows(babble(1, 3))]
    assert not any(heard[QUIET_WINDOWS:])
