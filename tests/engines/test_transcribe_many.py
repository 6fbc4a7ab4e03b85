"""Utterances that wait together are heard together, and understood as if each were alone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soxr

from engines.catalog import model_dir
from engines.local.base import BadRequestError, Samples, Utterance
from engines.local.faster_whisper import FasterWhisperSTT
from engines.local.kokoro import KokoroTTS

pytestmark = pytest.mark.models

TEXTS = (
    "请问你们几点开门？",
    "会议室一个小时多少钱？",
    "我想预约周六下午三点的课程，可以吗？",
    "你们公司在哪里？",
)


@pytest.fixture(scope="module")
def stt() -> FasterWhisperSTT:
    return FasterWhisperSTT(model_dir("whisper-base"), threads=2)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> list[Samples]:
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path_factory.mktemp("cache"))
    pcm = [b"".join(tts.pieces(text, "zm_yunxi")) for text in TEXTS]
    return [
        soxr.resample(np.frombuffer(p, "<i2").astype(np.float32) / 32768, 24_000, 16_000).astype(np.float32)
        for p in pcm
    ]


def test_a_batch_gives_the_texts_of_one_by_one(stt: FasterWhisperSTT, speech: list[Samples]) -> None:
    utterances = [Utterance(samples, "zh") for samples in speech]
    utterances += [
        Utterance(np.zeros(16_000, np.float32), "zh"),
        Utterance(speech[0], "zh", "营业时间 OneSuite"),
        Utterance(speech[1], "en"),
    ]
    alone = [stt.transcribe(*utterance) for utterance in utterances]
    together = stt.transcribe_many(utterances)

    assert [t.text for t in together] == [t.text for t in alone]
    assert [t.rejected for t in together] == [t.rejected for t in alone]
    assert [t.duration_s for t in together] == [t.duration_s for t in alone]
    for one, many in zip(alone, together, strict=True):
        assert many.avg_logprob == pytest.approx(one.avg_logprob, abs=0.02)
    assert "几点开" in together[0].text
    assert "一个小时多少钱" in together[1].text
    assert together[4].rejected == "silence"
    assert together[6].language == "en"


def test_digits_that_repeat_are_heard(stt: FasterWhisperSTT, tmp_path: Path) -> None:
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path)
    pcm = np.frombuffer(b"".join(tts.pieces("六六六六，八八八八。", "zm_yunxi")), "<i2")
    samples = soxr.resample(pcm.astype(np.float32) / 32768, 24_000, 16_000).astype(np.float32)
    heard = stt.transcribe(samples, "zh")
    assert heard.rejected == ""
    # Exact or nearly, which is why it is read back; not a loop of 60.
    assert re.fullmatch(r"6{3,6}8{3,6}", re.sub(r"\D", "", heard.text))


def test_equal_windows_go_through_the_model_once(
    stt: FasterWhisperSTT, speech: list[Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    encode = stt._model.encode

    def watched(features: Samples) -> object:
        shapes.append(features.shape)
        return encode(features)

    monkeypatch.setattr(stt._model, "encode", watched)
    short = [samples[: 16_000 * 2] for samples in speech]
    stt.transcribe_many([Utterance(samples, "zh") for samples in short])

    assert shapes == [(4, 80, 600)]


def test_one_unknown_language_is_named_before_anything_is_heard(
    stt: FasterWhisperSTT, speech: list[Samples]
) -> None:
    with pytest.raises(BadRequestError, match="Unknown language 'xx'"):
        stt.transcribe_many([Utterance(speech[0]), Utterance(speech[1], "xx")])


def test_nothing_is_nothing(stt: FasterWhisperSTT) -> None:
    assert stt.transcribe_many([]) == []
