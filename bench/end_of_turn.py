"""When does a silence end the caller's turn? Mandarin utterances, finished and not, over a telephone line.

``turns.json`` holds two sets of 89, ``development`` for tuning and ``held_out`` for the figures. Half
of each is finished, half breaks off: a filler, a connective, half a number or list, audio cut in the middle.
Kokoro speaks them in eight voices, four a set, and mu-law at 8 kHz with the noise of a line carries them. The
real VAD, whisper-base and Smart Turn judge each pause, as in a call.

Four rules end turns on the same pauses: silence alone, as Aiker had it; Smart Turn alone, as its makers use
it (200 ms, or the limit when it says no); the words alone; and words and sound together, which calls use. A
rule that reads the words cannot decide before they are recognised: that is counted as ``RECOGNITION_MS``.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
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

FIXED_MS, SHORTEST_MS, LONGEST_MS = 600.0, 250.0, 1500.0
SOUND_SAYS_DONE_MS = 200.0
RECOGNITION_MS, MODEL_MS = 300.0, 50.0  # after the pause is noticed, on two quiet cores
GAPS_MS = (300, 600, 1000)


def run() -> None:
    """Print the table of both sets, then what calls make of each held-out utterance."""
    os.environ |= {"AIKER_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "aiker.settings"}
    import django

    django.setup()
    from aiker.calls.turn_taking import TurnSettings

    for name in UTTERANCES:
        observed = list(observe(name, TurnSettings().pause_ms))
        print_table(name, observed)
        if name == "held_out":
            for utterance in observed:
                print(line_of(utterance))


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


Rule = Callable[[Pause], float]


def rules() -> dict[str, Rule]:
    """Return each rule: the silence in ms after which it ends the turn in a pause."""
    from aiker.calls.end_of_turn import SOUNDS_FINISHED, EndOfTurn, Evidence
    from aiker.calls.turn_taking import TurnSettings

    noticed, detector = TurnSettings().pause_ms, EndOfTurn(SHORTEST_MS, LONGEST_MS)

    def sound(pause: Pause) -> float:
        wait = SOUND_SAYS_DONE_MS if pause.probability >= SOUNDS_FINISHED else LONGEST_MS
        return max(wait, noticed + MODEL_MS)

    def words(pause: Pause) -> float:
        return max(detector.silence_ms(Evidence(pause.transcript)), noticed + RECOGNITION_MS)

    def together(pause: Pause) -> float:
        evidence = Evidence(pause.transcript, pause.probability)
        return max(detector.silence_ms(evidence), noticed + RECOGNITION_MS)

    return {
        "600 ms of silence": lambda _pause: FIXED_MS,
        "Smart Turn alone": sound,
        "words alone": words,
        "words and sound": together,
    }


def print_table(name: str, observed: Sequence[Observed]) -> None:
    finished = [u for u in observed if u.finished]
    unfinished = [u for u in observed if not u.finished]
    print(f"{name}: {len(finished)} finished, {len(unfinished)} unfinished utterances")
    print(f"{'':18} | cut off by a pause of    | wait behind a finished one: | split at their")
    gaps = " ".join(f"{gap:>5} ms" for gap in GAPS_MS)
    print(f"{'':18} | {gaps} | question  all median   p90 | own pauses")
    for rule_name, rule in rules().items():
        cut = " ".join(f"{cut_off(unfinished, rule, gap):8.0%}" for gap in GAPS_MS)
        questions = median(rule(u.pauses[-1]) for u in finished if u.kind == "question")
        waits = sorted(rule(u.pauses[-1]) for u in finished)
        p90, split = waits[int(len(waits) * 0.9)], sum(is_split(u, rule) for u in observed)
        print(f"{rule_name:18} | {cut} | {questions:8.0f} {median(waits):11.0f} {p90:5.0f} | {split}")
    pauses = sum(len(u.pauses) - 1 for u in observed)
    print(f"pauses inside an utterance that were recognised for nothing: {pauses} in {len(observed)}")


def cut_off(unfinished: Sequence[Observed], rule: Rule, gap_ms: float) -> float:
    """Return the share of ``unfinished`` that is answered before the caller goes on after ``gap_ms``."""
    return sum(rule(utterance.pauses[-1]) < gap_ms for utterance in unfinished) / len(unfinished)


def is_split(utterance: Observed, rule: Rule) -> bool:
    """Whether a pause inside of it, which the speaker made, ends the turn."""
    return any(rule(pause) < pause.lasts_ms for pause in utterance.pauses[:-1])


def line_of(utterance: Observed) -> str:
    pause, wait = utterance.pauses[-1], rules()["words and sound"](utterance.pauses[-1])
    kind = f"{'finished' if utterance.finished else 'unfinished'} {utterance.kind}"
    return f"{wait:5.0f} ms  sound {pause.probability:.2f}  {kind}: {utterance.say} | {pause.transcript}"


def observe(name: str, pause_ms: float) -> Iterator[Observed]:
    """Yield what a call perceives of each utterance of the set ``name``."""
    from aiker.calls.floor import PREROLL_MS
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
            samples = resample(g711.decode(heard), g711.RATE, STT_SAMPLE_RATE).astype(
                np.float32
            ) / np.float32(32768)
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
    noise = np.random.default_rng(1).standard_normal(len(pcm) + round((BEFORE_S + AFTER_S) * g711.RATE)) * (
        32768 * 10 ** (NOISE_DBFS / 20)
    )
    start = round(BEFORE_S * g711.RATE)
    noise[start : start + len(pcm)] += pcm
    return g711.encode(noise.clip(-32768, 32767).astype(np.int16))
