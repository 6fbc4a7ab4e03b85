"""Cutting text into pieces that are spoken one after the other, and making their sound fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jieba
import numpy as np

from engines.local.base import TTS_SAMPLE_RATE, Samples

# The first piece is short so that it is heard early; each next one may be longer, made while the last plays.
FIRST_PIECE = 8
LONGEST_FIRST_PIECE = 16
PIECE_GROWTH = 1.7
# A piece that nobody wants any more still keeps the model busy to its end.
LONGEST_PIECE = 28
PAUSE_MS = {"，": 160, ",": 160, "、": 110, "；": 260, ";": 260, "：": 220, ":": 220}
SENTENCE_PAUSE_MS = 360
# Within a clause words follow each other without a pause.
NO_PAUSE_MS = 20
LEAD_MS = 20
TARGET_RMS = 10 ** (-20 / 20)
PEAK = 10 ** (-1 / 20)
# Below this share of a piece's loudest 10 ms is breath or hiss, not speech.
SPEECH_FLOOR = 0.02
_MARKS = "，,、；;：:。！？!?…\n"
_CLAUSE = re.compile(rf"[^{_MARKS}]+[{_MARKS}]*")
# After these words a speaker may take a moment.
_OPEN_WORDS = frozenset(
    ("是", "为", "在", "有", "到", "需要", "可以", "支持", "提供", "包括", "位于", "拨打", "的", "了", "会")
)


def split_pieces(text: str) -> list[str]:
    """Cut ``text`` at punctuation into a short first piece and growing later ones."""
    pieces: list[str] = []
    limit: float = FIRST_PIECE
    for clause in _clauses(text):
        if pieces and len(pieces[-1]) + len(clause) <= limit:
            pieces[-1] += clause
        else:
            if pieces:
                limit = min(LONGEST_PIECE, max(limit, len(pieces[-1]) * PIECE_GROWTH))
            pieces.append(clause)
    return pieces


def _clauses(text: str) -> Iterator[str]:
    first = True
    for clause in _CLAUSE.findall(text):
        if not clause.strip(" " + _MARKS):
            continue
        while len(clause) > (LONGEST_FIRST_PIECE if first else LONGEST_PIECE):
            cut = _word_end(clause, FIRST_PIECE if first else LONGEST_PIECE // 2)
            yield clause[:cut]
            clause, first = clause[cut:], False
        yield clause
        first = False


def _word_end(clause: str, wanted: int) -> int:
    """Return where to cut a clause that has no punctuation: after a word, near ``wanted`` characters."""
    ends: list[tuple[bool, int, int]] = []
    position = 0
    for word in jieba.cut(clause):
        position += len(word)
        if wanted // 2 <= position <= wanted * 3 // 2 + 1 and position < len(clause):
            ends.append((word not in _OPEN_WORDS, abs(position - wanted), position))
    return min(ends)[2] if ends else wanted


def pause_ms(piece: str) -> int:
    """The silence that belongs after ``piece``, in ms at normal speed."""
    last = piece.rstrip(" ”’\"')）】》")[-1:]
    if last in PAUSE_MS:
        return PAUSE_MS[last]
    return SENTENCE_PAUSE_MS if last and last in "。！？!?…\n." else NO_PAUSE_MS


def shape_piece(samples: Samples, pause: float) -> Samples:
    """Trim silence, bring speech to the common loudness, end in ``pause`` ms of silence.

    Speech is set to -20 dBFS RMS; where that would pass -1 dBFS at the peak, the gain stops there.
    """
    hop = TTS_SAMPLE_RATE // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    rms = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.flatnonzero(rms > SPEECH_FLOOR * rms.max(initial=0.0))
    if not loud.size:
        return np.zeros(0, np.float32)
    start = max(0, loud[0] * hop - LEAD_MS * TTS_SAMPLE_RATE // 1000)
    end = min(len(samples), (loud[-1] + 2) * hop)
    speech = samples[start:end].astype(np.float32)
    level = float(np.sqrt(np.mean(rms[loud] ** 2)))
    speech *= min(TARGET_RMS / level, PEAK / float(np.abs(speech).max()))
    fade = np.linspace(0.0, 1.0, hop // 2, dtype=np.float32)
    speech[: hop // 2] *= fade
    speech[-(hop // 2) :] *= fade[::-1]
    return np.concatenate([speech, np.zeros(round(pause * TTS_SAMPLE_RATE / 1000), np.float32)])


def to_pcm(samples: Samples) -> bytes:
    """Return float samples in [-1, 1] as s16le."""
    return (samples * 32767).astype("<i2").tobytes()
