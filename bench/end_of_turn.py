"""When does a silence end the caller's turn? Mandarin utterances, finished and not, over a telephone line.

``turns.json`` holds two sets of 89, ``development`` for tuning the rule and ``held_out`` for its figures: half
of each is finished, half breaks off (a filler, a connective, a number or a list half said, audio cut in the
middle). Kokoro speaks them in eight voices, four a set; mu-law at 8 kHz and the noise of a line carry them; the
real VAD, whisper-base and Smart Turn judge each pause, as in a call.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.audio.resample import resample

if TYPE_CHECKING:
    from aiker.audio.g711 import Pcm

UTTERANCES: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("turns.json").read_text("utf-8")
)
VOICES = {
    "development": ("zf_xiaobei", "zm_yunxi", "zf_xiaoyi", "zm_yunyang"),
    "held_out": ("zf_xiaoni", "zm_yunjian", "zf_xiaoxiao", "zm_yunxia"),
}
THREADS = 2
BEFORE_S, AFTER_S = 0.5, 1.0
NOISE_DBFS = -60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence of an utterance, in ms, and the evidence there is in it; the last one lasts for ever."""

    speech_ms: float
    lasts_ms: float
    transcript: str
    probability: float


@dataclass(frozen=True, slots=True)
class Observed:
    """An utterance as a call perceives it."""

    say: str
    kind: str
    finished: bool
    pauses: tuple[Pause, ...]


def observe(name: str, pause_ms: float) -> Iterator[Observed]:
    """Yield what a call perceives of each utterance of the set ``name``."""
    from aiker.calls.session import PREROLL_MS
    from aiker.calls.turn_model import SmartTurn
    from engines.catalog import model_dir
    from engines.local.base import STT_SAMPLE_RATE
    from engines.local.faster_whisper import FasterWhisperSTT

    stt = FasterWhisperSTT(model_dir("whisper-base"), THREADS)
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    for utterance, line in zip(UTTERANCES[name], spoken(name), strict=True):
        pauses = []
        for start_ms, end_ms, at_ms, lasts_ms in pauses_of(line, pause_ms):
            heard = line[max(0, round((start_ms - PREROLL_MS) * 8)) : round(at_ms * 8)]
            samples = resample(g711.decode(heard), g711.RATE, STT_SAMPLE_RATE).astype(np.float32) / 32768
            text = stt.transcribe(samples, "zh").text
            pauses.append(Pause(end_ms - start_ms, lasts_ms, text, model.probability(heard)))
        yield Observed(utterance["say"], utterance["kind"], utterance["finished"], tuple(pauses))


def pauses_of(line: bytes, pause_ms: float) -> list[tuple[float, float, float, float]]:
    """Return (speech start, speech end, when noticed, how long) of each silence the VAD sees; ms of audio."""
    from aiker.calls.turn_taking import Turn, TurnSettings, TurnTaking
    from aiker.calls.vad import WINDOW, WINDOW_MS, SileroVad
    from engines.catalog import model_dir

    detector = SileroVad(model_dir("silero-vad") / "silero_vad.onnx").open()
    turns = TurnTaking(TurnSettings(pause_ms=pause_ms, longest_pause_ms=math.inf))
    pcm, pauses = g711.decode(line), []
    for number in range(len(pcm) // WINDOW):
        window = pcm[number * WINDOW : (number + 1) * WINDOW]
        start = number * WINDOW_MS
        for decision in turns.step(start, WINDOW_MS, detector.score(window), assistant_audible=False):
            if decision.kind is Turn.PAUSED:
                pauses.append([decision.speech_start_ms, decision.speech_end_ms, decision.at_ms, math.inf])
            elif decision.kind is Turn.RESUMED:
                pauses[-1][3] = start - pauses[-1][1]
    return [(start, end, at, lasts) for start, end, at, lasts in pauses]


def spoken(name: str) -> Iterator[bytes]:
    """Yield each utterance of a set as mu-law at 8 kHz, between the noise of the line."""
    from engines.catalog import model_dir
    from engines.local.base import TTS_SAMPLE_RATE
    from engines.local.kokoro import KokoroTTS

    with tempfile.TemporaryDirectory() as cache:
        tts = KokoroTTS(model_dir("kokoro-int8"), THREADS, Path(cache))
        for number, utterance in enumerate(UTTERANCES[name]):
            pieces = tts.pieces(utterance["say"], VOICES[name][number % len(VOICES[name])], 1.0)
            pcm = resample(np.frombuffer(b"".join(pieces), "<i2"), TTS_SAMPLE_RATE, g711.RATE)
            yield on_the_line(said(pcm, utterance.get("cut_at", 1.0)))


def said(pcm: Pcm, share: float) -> Pcm:
    """Return the first ``share`` of the audible part."""
    first, last = first_loud_sample(pcm) or 0, last_loud_sample(pcm) or len(pcm)
    return pcm[first : first + round((last - first) * share)]


def on_the_line(pcm: Pcm) -> bytes:
    noise = np.random.default_rng(1).standard_normal(
        len(pcm) + round((BEFORE_S + AFTER_S) * g711.RATE)
    ) * (32768 * 10 ** (NOISE_DBFS / 20))
    start = round(BEFORE_S * g711.RATE)
    noise[start : start + len(pcm)] += pcm
    return g711.encode(noise.clip(-32768, 32767).astype(np.int16))
