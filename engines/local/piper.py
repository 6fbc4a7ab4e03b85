"""Piper (VITS on onnxruntime): one small voice a model, Chinese or of another language, at 24 kHz."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import soxr
from piper import PiperVoice, SynthesisConfig
from piper.config import PhonemeType, PiperConfig

from engines.local.base import TTS_SAMPLE_RATE, Samples, onnx_session
from engines.local.clauses import DEFAULT_VOICE, ClauseTTS
from engines.local.speech_pieces import LONGEST_SENTENCE
from engines.local.text_normalization import speakable

CHINESE = ("cmn", "yue", "zh")
_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
# Piper reads what stands in [[ ]] as phonemes.
_NO_BRACKETS = str.maketrans("[]", "  ")


class PiperTTS(ClauseTTS[int]):
    """A folder with one Piper voice: ``<name>.onnx`` and ``<name>.onnx.json``.

    ::

        tts = PiperTTS(models / "piper-zh-huayan", threads=2)
        for pcm in tts.pieces("您好，请问有什么可以帮到您？"):
            send(pcm)           # s16le mono 24 kHz, a clause or more at a time

    Raises RuntimeError for a folder without such a pair, and for a voice that needs a front end which is
    not installed with Piper.
    """

    def __init__(self, model_dir: Path, threads: int) -> None:
        path = _voice_file(model_dir)
        config = PiperConfig.from_dict(json.loads(path.with_name(f"{path.name}.json").read_text("utf-8")))
        if config.phoneme_type not in (PhonemeType.ESPEAK, PhonemeType.TEXT):
            # Piper would fetch a model from the internet in the middle of a call, or fail at its first word.
            raise RuntimeError(
                f"The voice {path.stem} is made for the front end {config.phoneme_type.value!r}, which needs"
                " packages and a model that Piper does not bring; choose a voice made for espeak."
            )
        super().__init__({DEFAULT_VOICE: config.default_speaker_id, **config.speaker_id_map})
        # PiperVoice.load() does no more than this, but with as many threads as there are cores, and spinning.
        self._voice = PiperVoice(session=onnx_session(path, threads), config=config)
        self._chinese = config.espeak_voice.split("-")[0] in CHINESE
        if not self._chinese:
            self.sample = "Hello, and welcome. Please take your time."

    def _cut(self, text: str) -> Iterator[str]:
        text = text.translate(_NO_BRACKETS)
        if self._chinese:
            return super()._cut(text)
        # espeak reads the figures of other languages by itself. The network's memory grows with the square of
        # a piece: no sentence without an end may reach it whole.
        sentences = _SENTENCE_END.split(speakable(text))
        return (piece for sentence in sentences for piece in textwrap.wrap(sentence, LONGEST_SENTENCE))

    def _speak(self, text: str, speaker: int, speed: float) -> Iterator[Samples]:
        config = self._voice.config
        wanted = SynthesisConfig(
            speaker_id=speaker,
            length_scale=config.length_scale / speed,
            # To a full-scale peak each: clauses would differ in loudness.
            normalize_audio=False,
        )
        for chunk in self._voice.synthesize(text, wanted):
            yield soxr.resample(chunk.audio_float_array, config.sample_rate, TTS_SAMPLE_RATE)


def _voice_file(model_dir: Path) -> Path:
    found = [path for path in model_dir.rglob("*.onnx") if path.with_name(f"{path.name}.json").exists()]
    if len(found) != 1:
        raise RuntimeError(
            f"{model_dir} must hold one Piper voice, <name>.onnx with <name>.onnx.json; it has {len(found)}."
        )
    return found[0]
