"""Cutting text into pieces whose melody is thought out at once, and the pauses between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jieba

# The length of a piece is what must be thought out before its first sound: short at first.
FIRST_PIECE = 12
LONGEST_FIRST_PIECE = 20
LONGEST_PIECE = 40
PAUSE_MS = {"，": 160, ",": 160, "、": 110, "；": 260, ";": 260, "：": 220, ":": 220}
SENTENCE_PAUSE_MS = 360
# Within a clause words follow each other without a pause.
NO_PAUSE_MS = 20
_MARKS = "，,、；;：:。！？!?…\n"
_CLAUSE = re.compile(rf"[^{_MARKS}]+[{_MARKS}]*")
# After these words a speaker may take a moment.
_OPEN_WORDS = frozenset(
    ("是", "为", "在", "有", "到", "需要", "可以", "支持", "提供", "包括", "位于", "拨打", "的", "了", "会")
)


def split_pieces(text: str) -> list[str]:
    """Cut ``text`` at punctuation into a short first piece and longer later ones."""
    pieces: list[str] = []
    for clause in _clauses(text):
        limit = FIRST_PIECE if len(pieces) < 2 else LONGEST_PIECE
        if pieces and len(pieces[-1]) + len(clause) <= limit:
            pieces[-1] += clause
        else:
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
