"""Cutting text into pieces whose melody is thought out at once, and the pauses between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import jieba

# The length of a piece is what must be thought out before its first sound: short at first.
FIRST_PIECE = 12
LONGEST_FIRST_PIECE = 20
LONGEST_PIECE = 40
# So much is read (see ``text_normalization``) at once at most: a text without marks takes seconds as a whole.
LONGEST_SENTENCE = 200
PAUSE_MS = {"，": 160, ",": 160, "、": 110, "；": 260, ";": 260, "：": 220, ":": 220}
SENTENCE_PAUSE_MS = 360
# Within a clause words follow each other without a pause.
NO_PAUSE_MS = 20
_MARKS = "，,、；;：:。！？!?…\n"
_CLAUSE = re.compile(rf"[^{_MARKS}]+[{_MARKS}]*")
_ENDS = "。！？…\n"
_SENTENCE = re.compile(
    rf"[^{_ENDS}]{{1,{LONGEST_SENTENCE}}}(?:[{_ENDS}][{_MARKS}]*|\Z)"
    # One too long is cut where no figure can go on, or anywhere.
    rf"|[^{_ENDS}]{{1,{LONGEST_SENTENCE}}}(?<=[，、；：])|[^{_ENDS}]{{1,{LONGEST_SENTENCE}}}[{_MARKS}]*|[{_ENDS}]+"
)
# After these words a speaker may take a moment.
_OPEN_WORDS = frozenset(
    ("是", "为", "在", "有", "到", "需要", "可以", "支持", "提供", "包括", "位于", "拨打", "的", "了", "会")
)


def read_pieces(text: str, read: Callable[[str], str]) -> Iterator[str]:
    """Yield the pieces of ``text``; ``read`` writes a sentence as it is said, when its turn has come.

    The sound of a long text so begins as soon as that of a short one.
    """
    return _joined(_clauses(read(sentence) for sentence in _SENTENCE.findall(text)))


def split_pieces(text: str) -> list[str]:
    """Cut ``text`` at punctuation into a short first piece and longer later ones."""
    return list(_joined(_clauses([text])))


def _joined(clauses: Iterator[str]) -> Iterator[str]:
    """Yield neighbouring clauses as one piece while that is short."""
    piece, given = next(clauses, ""), 0
    for clause in clauses:
        if len(piece) + len(clause) <= (LONGEST_PIECE if given else FIRST_PIECE):
            piece += clause
        else:
            yield piece
            piece, given = clause, given + 1
    if piece:
        yield piece


def _clauses(sentences: Iterable[str]) -> Iterator[str]:
    first = True
    for clause in (clause for sentence in sentences for clause in _CLAUSE.findall(sentence)):
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
    position, latest = 0, wanted * 3 // 2 + 1
    # Not all of it, which may be thousands of characters: as much as decides about the words before the cut.
    for word in jieba.cut(clause[: 2 * latest]):
        position += len(word)
        if wanted // 2 <= position <= latest and position < len(clause):
            ends.append((word not in _OPEN_WORDS, abs(position - wanted), position))
    return min(ends)[2] if ends else wanted


def pause_ms(piece: str) -> int:
    """The silence that belongs after ``piece``, in ms at normal speed."""
    last = piece.rstrip(" ”’\"')）】》")[-1:]
    if last in PAUSE_MS:
        return PAUSE_MS[last]
    return SENTENCE_PAUSE_MS if last and last in "。！？!?…\n." else NO_PAUSE_MS
