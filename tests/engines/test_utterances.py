"""A recording is cut at its pauses."""

from __future__ import annotations

import numpy as np
import pytest

from engines.local.base import Samples
from engines.voices.utterances import PairingError, cut, cut_by_lines

RATE = 16_000


def recording(*parts_s: float, noise: float = 0.001) -> Samples:
    """Sound and silence by turns, in seconds, beginning with sound."""
    t = [np.sin(np.arange(round(s * RATE)) * 0.1) * 0.3 * (i % 2 == 0) for i, s in enumerate(parts_s)]
    samples = np.concatenate(t)
    return (samples + np.random.default_rng(0).normal(size=len(samples)) * noise).astype(np.float32)


def starts_and_ends(samples: Samples, longest_s: float = 11.0) -> list[tuple[float, float]]:
    return [(round(s.start_s, 1), round(s.end_s, 1)) for s in cut(samples, RATE, longest_s)]


def test_an_utterance_ends_at_the_first_pause_after_three_seconds() -> None:
    found = starts_and_ends(recording(1.0, 0.5, 2.0, 0.5, 4.0))

    assert found == [(0.0, 3.6), (3.9, 8.0)]


def test_noise_as_loud_as_checks_allow_hides_no_pause() -> None:
    found = starts_and_ends(recording(4.0, 0.5, 4.0, noise=0.02))

    assert found == [(0.0, 4.1), (4.4, 8.5)]


def test_a_breath_is_no_pause_and_a_click_no_speech() -> None:
    assert starts_and_ends(recording(2.0, 0.1, 2.0, 2.0, 0.02, 2.0)) == [(0.0, 4.2)]


def test_what_is_too_long_or_too_short_is_left_out() -> None:
    assert starts_and_ends(recording(12.0, 0.5, 3.5, 0.5, 0.4, 0.5)) == [(12.4, 16.1)]


def test_an_utterance_is_not_longer_than_the_model_can_learn() -> None:
    assert starts_and_ends(recording(2.0, 0.5, 2.0, 0.5, 2.0), longest_s=3.0) == [
        (0.0, 2.1),
        (2.4, 4.6),
        (4.9, 7.0),
    ]


def test_each_line_gets_what_lies_between_the_longest_pauses() -> None:
    samples = recording(1.0, 0.3, 1.0, 0.8, 1.0, 0.3, 1.0, 0.7, 2.0)

    spans = cut_by_lines(samples, RATE, ["您好，请讲。", "请您稍等，马上。", "谢谢您的来电。"])

    assert [str(span) for span in spans] == ["0.0-2.4 s", "3.0-5.5 s", "6.0-8.1 s"]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([], "0 lines for 2 parts"),
        (["您好。", "您好。", "您好。"], "3 lines for 2 parts"),
        (["好。", "我们周一到周五早上九点开门，晚上六点下班，中午不休息。"], "cannot be “好。”"),
    ],
)
def test_a_text_of_something_else_is_refused(lines: list[str], named: str) -> None:
    with pytest.raises(PairingError, match=named):
        cut_by_lines(recording(2.0, 0.5, 2.0), RATE, lines)


def test_silence_is_cut_into_nothing() -> None:
    assert cut(np.zeros(0, np.float32), RATE, 11.0) == []
    assert cut(np.zeros(RATE * 3, np.float32), RATE, 11.0) == []
