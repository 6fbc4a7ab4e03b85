"""What a lexicon is worth to recognition: words of the sample business, spoken over a telephone line.

Kokoro speaks each sentence, 8 kHz mu-law carries it, whisper-base hears it four times: without anything,
with the corrections, with the hot words, with both. The lexicon is what ``propose`` finds in the sample data,
every proposal accepted as it is; the sentences were written before it was first measured. The voices are two
women's and two men's, in turn.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from aiker.audio import g711
from aiker.audio.resample import resample

if TYPE_CHECKING:
    from engines.local.base import Samples
    from knowledge.vocabulary import Lexicon

SENTENCES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("lexicon.json").read_text("utf-8"))
VOICES = ("zf_xiaobei", "zm_yunxi", "zf_xiaoyi", "zm_yunyang")
THREADS = 2


def run() -> None:
    """Print each sentence that some arm hears otherwise than another, then the error rates."""
    os.environ |= {"AIKER_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "aiker.settings"}
    import django

    django.setup()
    from aiker.calls.plan import MOST_HOT_CHARS
    from engines.catalog import model_dir
    from engines.local.faster_whisper import FasterWhisperSTT

    lexicon = sample_lexicon()
    prompt = lexicon.hot_words("", MOST_HOT_CHARS)
    print(f"{len(lexicon.words)} words; hot words ({len(prompt)} characters): {prompt}")
    stt = FasterWhisperSTT(model_dir("whisper-base"), THREADS)
    stt.warm()
    heard: dict[str, list[str]] = {"": [], prompt: []}
    took_ms: dict[str, list[float]] = {"": [], prompt: []}
    for samples in spoken():
        for words in heard:
            began = time.perf_counter()
            heard[words].append(stt.transcribe(samples, "zh", words).text)
            took_ms[words].append((time.perf_counter() - began) * 1000)
    plain, hot = heard.values()
    arms = {
        "nothing": plain,
        "corrections": [lexicon.correct(text) for text in plain],
        "hot words": hot,
        "both": [lexicon.correct(text) for text in hot],
    }
    for sentence, *texts in zip(SENTENCES, *arms.values(), strict=True):
        if len({*texts}) > 1:
            print(" | ".join([sentence["say"], *texts]))
    print(f"{'':12} {'terms':>7} {'wrong':>7} {'sentence':>9} {'without terms':>14}")
    for name, texts in arms.items():
        print(row(name, texts))
    without, with_them = (median(ms) for ms in took_ms.values())
    print(f"recognition: median {without:.0f} ms, with hot words {with_them:.0f} ms")


def row(name: str, heard: Sequence[str]) -> str:
    """Return an arm's character error rates: of terms, of sentences with and without them."""
    distances = [
        (within(bare(term), bare(text)), len(bare(term)))
        for sentence, text in zip(SENTENCES, heard, strict=True)
        for term in sentence["terms"]
    ]
    wrong = sum(distance > 0 for distance, _ in distances)
    terms = sum(d for d, _ in distances) / sum(length for _, length in distances)
    with_terms, without = (
        rate((s["say"], text) for s, text in zip(SENTENCES, heard, strict=True) if bool(s["terms"]) == any_)
        for any_ in (True, False)
    )
    return f"{name:12} {terms:7.1%} {wrong:>3}/{len(distances)} {with_terms:9.1%} {without:14.1%}"


def rate(pairs: Iterator[tuple[str, str]]) -> float:
    compared = [(distance(bare(said), bare(text)), len(bare(said))) for said, text in pairs]
    return sum(d for d, _ in compared) / sum(length for _, length in compared)


def sample_lexicon() -> Lexicon:
    """Return the lexicon of the sample data as an operator has it who accepts everything."""
    from knowledge.lexicon import propose
    from knowledge.loaders import read
    from knowledge.management.commands.load_knowledge import SAMPLE
    from knowledge.vocabulary import Lexicon, Word

    texts: list[str] = []
    for entry in read(SAMPLE).entries:
        texts += [entry.title, entry.question, *entry.alternative_questions, entry.answer]
    return Lexicon(tuple(Word(p.term, p.hot, p.misheard, p.reading, p.count) for p in propose(texts)))


def spoken() -> Iterator[Samples]:
    """Yield each sentence as recognition gets it in a call: float32 at 16 kHz, of telephone quality."""
    from engines.catalog import model_dir
    from engines.local.base import STT_SAMPLE_RATE, TTS_SAMPLE_RATE
    from engines.local.kokoro import KokoroTTS

    with tempfile.TemporaryDirectory() as cache:
        tts = KokoroTTS(model_dir("kokoro-int8"), THREADS, Path(cache))
        for number, sentence in enumerate(SENTENCES):
            pieces = tts.pieces(sentence["say"], VOICES[number % len(VOICES)], 1.0)
            pcm = np.frombuffer(b"".join(pieces), "<i2")
            line = g711.decode(g711.encode(resample(pcm, TTS_SAMPLE_RATE, g711.RATE)))
            yield resample(line, g711.RATE, STT_SAMPLE_RATE).astype(np.float32) / np.float32(32768)


def bare(text: str) -> str:
    """Return letters and characters alone: punctuation, spaces and capitals are no errors here."""
    return "".join(character for character in text.lower() if character.isalnum())


def within(term: str, text: str) -> int:
    """Return the edits from ``term`` to that part of ``text`` that is nearest to it."""
    return min(_edits(term, text, start=lambda _column: 0))


def distance(a: str, b: str) -> int:
    return _edits(a, b, start=lambda column: column)[-1]


def _edits(a: str, b: str, start: Callable[[int], int]) -> list[int]:
    """Return the last row of the table of edits; ``start`` is the cost of beginning at a column of ``b``."""
    above = [start(column) for column in range(len(b) + 1)]
    for line, expected in enumerate(a, start=1):
        current = [line]
        for column, found in enumerate(b, start=1):
            replaced = above[column - 1] + (expected != found)
            current.append(min(replaced, above[column] + 1, current[-1] + 1))
        above = current
    return above
