"""Piper's real library and front end with a voice made here, and with a real one where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
from django.conf import settings

from engines.backends.stt import FasterWhisper
from engines.backends.tts import Piper
from engines.catalog import get_model, model_dir
from engines.fetch import is_installed
from engines.local.base import BadRequestError, Samples, Utterance
from engines.registry import Place

pytest.importorskip("piper", reason="needs Piper (GPL-3.0-or-later): make test-torch")

from engines.local.piper import PiperTTS
from tests.engines.piper_voice import write_voice

pytestmark = pytest.mark.torch

TEXT = "您好，这里是客服中心。请问有什么可以帮到您？"


def samples(pieces: list[bytes]) -> Samples:
    return np.frombuffer(b"".join(pieces), "<i2").astype(np.float32) / np.float32(32768)


def pitch(sound: Samples) -> float:
    """The frequency, in Hz, around which the power lies."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(len(sound), 1 / 24_000)) / np.sum(power))


@pytest.fixture
def tts(tmp_path: Path) -> PiperTTS:
    engine = PiperTTS(write_voice(tmp_path), threads=1)
    engine.warm()
    return engine


def test_each_clause_is_a_piece_and_is_as_loud_as_the_others(tts: PiperTTS) -> None:
    made = [sound for piece in tts.pieces(TEXT) if (sound := samples([piece])).max() > 0.01]
    levels = [20 * np.log10(np.sqrt(np.mean(sound**2))) for sound in made]

    assert len(made) == 2
    assert levels[0] == pytest.approx(levels[1], abs=0.5)
    assert levels[0] == pytest.approx(-20, abs=3)


def test_figures_are_read_as_the_language_says_them(tts: PiperTTS) -> None:
    assert list(tts.pieces("电话400-820-8800。")) == list(tts.pieces("电话四零零 八二零 八八零零。"))


def test_the_model_is_told_the_speed(tts: PiperTTS) -> None:
    normal, fast = (samples(list(tts.pieces("欢迎来电", speed=speed))) for speed in (1.0, 2.0))

    assert len(fast) == pytest.approx(len(normal) / 2, rel=0.05)
    assert pitch(fast) == pytest.approx(pitch(normal), rel=0.05)


def test_speakers_have_names(tmp_path: Path) -> None:
    tts = PiperTTS(write_voice(tmp_path, speakers=2), threads=1)
    low, high = (samples(list(tts.pieces("欢迎来电", name))) for name in ("default", "speaker1"))

    assert tts.voices == ["default", "speaker0", "speaker1"]
    assert pitch(high) == pytest.approx(2 * pitch(low), rel=0.1)
    with pytest.raises(BadRequestError, match="Voices: default, speaker0, speaker1"):
        tts.pieces("好", "zf_xiaobei")


@pytest.mark.parametrize("text", ["", "……！", "😀👍🏽", "\x00\x07\u200f", "[[ ]]"])
def test_what_cannot_be_said_is_silence(tts: PiperTTS, text: str) -> None:
    assert list(tts.pieces(text)) == []


def test_a_text_without_an_end_is_cut(tmp_path: Path) -> None:
    english = PiperTTS(write_voice(tmp_path, espeak={"voice": "en-us"}), threads=1)

    assert len(list(english.pieces("how are you " * 300))) > 10


def test_a_voice_whose_front_end_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"front end 'pinyin'.*made for espeak"):
        PiperTTS(write_voice(tmp_path, phoneme_type="pinyin"), threads=1)


def test_a_folder_without_a_voice_is_named(tmp_path: Path) -> None:
    write_voice(tmp_path).joinpath("tiny.onnx.json").unlink()

    with pytest.raises(RuntimeError, match="must hold one Piper voice"):
        PiperTTS(tmp_path, threads=1)


@pytest.mark.models
def test_a_real_voice_is_understood(tmp_path: Path) -> None:
    if not is_installed(get_model("piper-en-joe"), settings.AIKER.models):
        pytest.skip("needs the voice piper-en-joe: make test-torch")
    place = Place(2, tmp_path)
    tts = Piper(model="piper-en-joe").load(place)
    stt = FasterWhisper().load(place)
    sound = samples(list(tts.pieces("The office opens at 9 in the morning. 😀 How can I help you?")))
    (heard,) = stt.transcribe_many([Utterance(soxr.resample(sound, 24_000, 16_000), "en")])

    assert "opens at 9" in heard.text.replace("nine", "9")
    assert "help you" in heard.text
    assert "face" not in heard.text
    assert model_dir("piper-en-joe").exists()
