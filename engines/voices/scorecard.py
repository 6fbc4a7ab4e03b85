"""How well a voice came out, measured: is it the speaker, is it understood, is it quick.

::

    card = judge(Measured(similarity=0.71, error_rate=0.03, telephone_error_rate=0.05, first_audio_ms=240))
    all(figure.ok for figure in card)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import opencc
from rapidfuzz.distance import Levenshtein

from engines.voices.figures import Figure

# Sentences with every initial and tone that recognition writes in one way: no digits, no names.
SENTENCES = (
    "您好，欢迎致电，请问有什么可以帮您？",
    "我们周一到周五早上九点开门，晚上六点下班。",
    "会议室需要提前预订，请您留下姓名和电话。",
)
LEAST_SIMILARITY = 0.6
MOST_ERROR_RATE = 0.15
MOST_TELEPHONE_ERROR_RATE = 0.25
MOST_FIRST_AUDIO_MS = 1000
_NOT_HEARD = re.compile(r"[\W_]+")
_simplify = opencc.OpenCC("t2s").convert


@dataclass(frozen=True, slots=True)
class Measured:
    """``similarity`` is the cosine to the recordings, None where there is nothing to compare with."""

    similarity: float | None
    error_rate: float
    telephone_error_rate: float
    first_audio_ms: int


def judge(measured: Measured) -> list[Figure]:
    """Return each figure with its threshold."""
    rows = [
        Figure(
            "error_rate",
            f"{measured.error_rate:.1%}",
            f"≤ {MOST_ERROR_RATE:.0%}",
            measured.error_rate <= MOST_ERROR_RATE,
        ),
        Figure(
            "telephone_error_rate",
            f"{measured.telephone_error_rate:.1%}",
            f"≤ {MOST_TELEPHONE_ERROR_RATE:.0%}",
            measured.telephone_error_rate <= MOST_TELEPHONE_ERROR_RATE,
        ),
        Figure(
            "first_audio_ms",
            f"{measured.first_audio_ms} ms",
            f"≤ {MOST_FIRST_AUDIO_MS} ms",
            measured.first_audio_ms <= MOST_FIRST_AUDIO_MS,
        ),
    ]
    if measured.similarity is None:
        return rows
    similar = measured.similarity >= LEAST_SIMILARITY
    return [Figure("similarity", f"{measured.similarity:.2f}", f"≥ {LEAST_SIMILARITY}", similar), *rows]


def error_rate(said: str, heard: str) -> float:
    """Return the character error rate: edits over the characters said, without punctuation, at most 1."""
    wanted, got = (_NOT_HEARD.sub("", _simplify(text)).lower() for text in (said, heard))
    return min(1.0, Levenshtein.distance(wanted, got) / max(1, len(wanted)))
