"""Synthetic callers, examiners, their line, and the second opinion."""

from __future__ import annotations

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.rehearsal.examiners import CALLERS, EXAMINERS, callers_for
from aiker.calls.rehearsal.line import over_line
from aiker.calls.rehearsal.second_opinion import Opinion, read_opinion

ASSISTANTS_VOICE = "zf_xiaobei"


def test_every_caller_has_a_part_and_none_has_the_assistants_voice() -> None:
    asked = {caller.key for number in range(5) for caller in callers_for(number, 3)}
    assert asked == {caller.key for caller in CALLERS}
    assert len({caller.voice for caller in callers_for(0, 3)}) == 3
    assert ASSISTANTS_VOICE not in {caller.voice for caller in CALLERS}
    assert len({caller.speed for caller in CALLERS}) > 2


def test_examiners_lead_in_and_follow_up() -> None:
    said = {examiner.caller.key: examiner.lines("可以转租吗？") for examiner in EXAMINERS}
    assert set(said) == {"impatient", "elderly", "insisting", "rambling", "noisy"}
    assert all(lines[0].asks and lines[0].text.endswith("可以转租吗？") for lines in said.values())
    assert [line.insists for line in said["insisting"]] == [False, True, True]


def test_noise_is_as_loud_as_it_should_be() -> None:
    time = np.arange(8000) / g711.RATE
    tone = (8000 * np.sign(np.sin(2 * np.pi * 440 * time))).astype(np.int16)
    speech = g711.encode(tone)
    assert over_line(speech, None) == speech
    noisy = over_line(speech, 20.0, seed=1)
    assert noisy == over_line(speech, 20.0, seed=1) != over_line(speech, 20.0, seed=2)
    noise = g711.decode(noisy).astype(float) - g711.decode(speech)
    assert 20 * np.log10(8000 / noise.std()) == pytest.approx(20, abs=1)


SOURCES = ("月卡：月卡开通后不能退款。",)


@pytest.mark.parametrize(
    ("written", "opinion"),
    [
        ("结论：不符\n依据：月卡开通后不能退款", Opinion("contradicted", "月卡开通后不能退款", void=False)),
        ("结论：相符\n依据：“可以退款的”", Opinion("supported", "可以退款的", void=False)),  # of the answer
        ("结论：不符\n依据：月卡可以随时退款", Opinion("contradicted", "月卡可以随时退款", void=True)),
        ("结论：不符", Opinion("contradicted", "", void=True)),
        ("结论：不符\n依据：月卡", Opinion("contradicted", "月卡", void=True)),  # proves nothing
        ("我觉得还行", Opinion()),
    ],
)
def test_a_verdict_without_its_quote_is_void(written: str, opinion: Opinion) -> None:
    assert read_opinion(written, SOURCES, "月卡是可以退款的。") == opinion
