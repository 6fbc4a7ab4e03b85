"""Callers who pause: are they answered in a pause, and is a number that they dictate exact?

``paused_utterances.json`` holds turns in two to four parts with pauses of 400 to 2,500 ms (95 % under
2.4 s), ``spoken_numbers.json`` numbers as callers dictate them. ``held_out`` is what is measured, and
nothing is tuned with it. ``development`` (``--dev``), written by somebody who had not seen the rules and
measured first, is for tuning, and shows each turn that went wrong. Kokoro speaks the parts in four
voices that are not the assistant's, mu-law at 8 kHz with the noise of a line carries them; the real VAD,
whisper-base and Smart Turn judge each pause by the rule of calls.

*Ended* is a turn that the rule ends in one of its pauses; of those, *spoken into* is one whose caller hears
an answer before they go on: it begins ``ANSWER_MS`` behind the end of the turn at the earliest, and speech
in its first moments belongs to the turn (``end_of_turn.goes_on``). A number is *exact*, *asked again*, or
*wrong*: then it is read back all the same, and the caller can say no. *Nothing heard* is what would be
silence, but is asked again at once.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiker.audio import g711
from aiker.audio.resample import resample
from bench.end_of_turn import THREADS, Pause, on_the_line, pauses_of, said
from bench.report import Metric

if TYPE_CHECKING:
    from aiker.audio.g711 import Pcm

HERE = Path(__file__)
Turns = list[dict[str, Any]]
UTTERANCES: dict[str, Turns] = json.loads(HERE.with_name("paused_utterances.json").read_text("utf-8"))
NUMBERS: dict[str, Turns] = json.loads(HERE.with_name("spoken_numbers.json").read_text("utf-8"))
VOICES = ("zf_xiaoni", "zm_yunjian", "zf_xiaoxiao", "zm_yunxia")
SHORTEST_MS, LONGEST_MS, NOTICED_MS = 250.0, 1500.0, 200.0
RECOGNITION_MS, ANSWER_MS = 300.0, 350.0
"""What recognition takes after a pause is noticed, and an answer as written after the end of a turn."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a call perceives of a turn: its pauses in order, the last one for good."""

    given: dict[str, Any]
    pauses: tuple[Pause, ...]


def run(options: Sequence[str] = ()) -> list[Metric]:
    """Speak the turns and numbers of a set (``--dev``: those for tuning), and return the figures."""
    os.environ |= {"AIKER_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "aiker.settings"}
    import django

    django.setup()
    name = "development" if "--dev" in options else "held_out"
    paused, dictated = list(observe(UTTERANCES[name])), list(observe(NUMBERS[name]))
    if name == "development":
        print("\n".join([*lines_of_pauses(paused), *lines_of_numbers(dictated)]))
    return [*figures_of_pauses(paused), *figures_of_numbers(dictated)]


# -- judged


def figures_of_pauses(observed: Sequence[Observed]) -> list[Metric]:
    """Return how many turns were ended in a pause, and spoken into, and print these by kind."""
    ended = [turn for turn in observed if pauses_that_end(turn)]
    into = [turn for turn in ended if any(is_spoken_into(pause, turn) for pause in pauses_that_end(turn))]
    print(f"spoken into, by kind: {dict(Counter(turn.given['kind'] for turn in into))}")
    count = len(observed)
    return [
        Metric("paused: ended in a pause", 100 * len(ended) / count, f"% of {count}", None),
        Metric("paused: spoken into", 100 * len(into) / count, f"% of {count}", 3),
    ]


def lines_of_pauses(observed: Sequence[Observed]) -> Iterator[str]:
    """Yield each turn that was ended in one of its pauses, and what was heard up to there."""
    for turn in observed:
        if short := pauses_that_end(turn):
            verdict = "SPOKEN INTO" if any(is_spoken_into(pause, turn) for pause in short) else "ended"
            yield f"{verdict} {turn.given['kind']}: {said_in_parts(turn)} {short[0].transcript}"


def figures_of_numbers(observed: Sequence[Observed]) -> list[Metric]:
    """Return how many numbers were exact, asked again, wrong."""
    found = Counter(outcome_of(turn) for turn in observed)
    count = len(observed)
    into = sum(any(is_spoken_into(pause, turn) for pause in turn.pauses[:-1]) for turn in observed)
    return [
        Metric("numbers: exact", 100 * found["exact"] / count, f"% of {count}", 80, "higher"),
        Metric("numbers: asked again", found["asked again"], "", None),
        Metric("numbers: wrong, and read back", found["wrong"], "", None),
        Metric("numbers: nothing heard, asked again at once", found["nothing heard"], "", None),
        Metric("numbers: taken without being read back", found["unconfirmed"], "", 0),
        Metric("numbers: spoken into", into, "", 0),
    ]


def lines_of_numbers(observed: Sequence[Observed]) -> Iterator[str]:
    """Yield each number that was not exact, and what was heard of it."""
    for turn in observed:
        if (outcome := outcome_of(turn)) != "exact":
            yield f"{outcome}: {turn.given['digits']} {said_in_parts(turn)} -> {turn.pauses[-1].transcript}"


def pauses_that_end(turn: Observed) -> list[Pause]:
    """Return the pauses within a turn that end it."""
    return [pause for pause in turn.pauses[:-1] if waits_ms(pause, turn) < pause.lasts_ms]


def said_in_parts(turn: Observed) -> str:
    return "｜".join(turn.given["say"])


def outcome_of(turn: Observed) -> str:
    """Return what a call makes of the number that it heard at the end."""
    from aiker.calls.dictation import AGAIN, READ_BACK, dictated, read_back

    heard = turn.pauses[-1].transcript
    if not heard:
        return "nothing heard"
    number = dictated(heard, expected=bool(turn.given["asked"]))
    if number is None:
        return "unconfirmed"  # answered as a question, not as a number
    answer = read_back(number)
    if AGAIN in answer:
        return "asked again"
    assert answer.startswith(READ_BACK)
    return "exact" if number.digits == turn.given["digits"] else "wrong"


def waits_ms(pause: Pause, turn: Observed) -> float:
    """Return the silence in ms after which a call ends the turn in this pause."""
    from aiker.calls.end_of_turn import EndOfTurn, Evidence

    asked = bool(turn.given.get("asked"))
    evidence = Evidence(pause.transcript, pause.probability, dictating=asked, answering=asked)
    wait = EndOfTurn(SHORTEST_MS, LONGEST_MS).silence_ms(evidence)
    return max(wait, NOTICED_MS + RECOGNITION_MS)


def is_spoken_into(pause: Pause, turn: Observed) -> bool:
    from aiker.calls.end_of_turn import REACTION_MS

    return waits_ms(pause, turn) + ANSWER_MS + REACTION_MS < pause.lasts_ms


# -- heard


def observe(turns: Sequence[dict[str, Any]]) -> Iterator[Observed]:
    """Yield what a call perceives of each turn."""
    from aiker.calls.dictation import EXPECTED_WORDS
    from aiker.calls.floor import PREROLL_MS
    from aiker.calls.turn_model import SmartTurn
    from engines.catalog import model_dir
    from engines.local.base import STT_SAMPLE_RATE
    from engines.local.faster_whisper import FasterWhisperSTT

    stt = FasterWhisperSTT(model_dir("whisper-base"), THREADS)
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    for given, line in zip(turns, spoken(turns), strict=True):
        silences, pauses = pauses_of(line, NOTICED_MS), []
        began = silences[0][0] if silences else 0.0
        for _start, _end, at_ms, lasts_ms in silences:
            heard = line[max(0, round((began - PREROLL_MS) * 8)) : round(at_ms * 8)]
            samples = resample(g711.decode(heard), g711.RATE, STT_SAMPLE_RATE).astype(
                np.float32
            ) / np.float32(32768)
            expected = EXPECTED_WORDS if given.get("asked") else ""
            pauses.append(
                Pause(at_ms, lasts_ms, stt.transcribe(samples, "zh", expected).text, model.probability(heard))
            )
        yield Observed(given, tuple(pauses) or (Pause(0.0, float("inf"), "", 0.0),))


def spoken(turns: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """Yield each turn, its parts and pauses, as mu-law at 8 kHz over the noise of the line."""
    from engines.catalog import model_dir
    from engines.local.base import TTS_SAMPLE_RATE
    from engines.local.kokoro import KokoroTTS

    with tempfile.TemporaryDirectory() as cache:
        tts = KokoroTTS(model_dir("kokoro-int8"), THREADS, Path(cache))
        for number, turn in enumerate(turns):
            parts: list[Pcm] = []
            for text, pause_ms in zip(turn["say"], [*turn["pauses_ms"], 0], strict=True):
                pieces = tts.pieces(text, VOICES[number % len(VOICES)], turn.get("speed", 1.0))
                pcm = resample(np.frombuffer(b"".join(pieces), "<i2"), TTS_SAMPLE_RATE, g711.RATE)
                parts += [said(pcm, 1.0), np.zeros(pause_ms * g711.RATE // 1000, np.int16)]
            yield on_the_line(np.concatenate(parts))
