"""What a few words into the reply mean: nothing, "go on", or something to be answered. Pure.

::

    meaning("嗯嗯", voiced_ms=400)            # Meaning.BACKCHANNEL
    meaning("等一下", voiced_ms=600)          # Meaning.WORDS
    meaning("", voiced_ms=300)                # Meaning.NOISE
    agrees("好的")                            # True: also an answer, when a question was asked

A small recogniser is unreliable below half a second of speech: it hears 吃的 for 是的, repeats itself, or
writes a whole sentence for a syllable. So how long there was speech counts as much as what was written.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pypinyin import Style, lazy_pinyin

HINT = "嗯，对，好的，是的，哦，等一下，不是，停，喂。"
"""What recognition is told to expect of a few words into a reply."""

SHORT_MS = 600  # of speech, by the detector: up to two syllables, or three quick ones
_SYLLABLE_MS = 300  # of a backchannel, at its slowest, by the detector
_SYLLABLES_A_SECOND = 9  # faster than anybody speaks
_MARKS = re.compile(r"[\W_]+")
_HANZI = re.compile(r"[㐀-鿿]+")

_AGREES = (
    "[嗯恩]+|对+|是+|好+|行+|[对是]的|[对是好]啊|好[的吧嘞了]|行[吧啊]|可以|没错|没问题|"
    "明白了?|ok(?:ay)?|当然"
)
_FOLLOWS = (
    "[哦噢喔啊呃额唉哎诶欸哈呵呀哇哟]+|嗯哼|知道了?|了解了?|懂了?|这样|原来(?:如此|是这样)|是[吗嘛么]|真的"
)
_AGREEMENT = re.compile(rf"(?:{_AGREES})+", re.IGNORECASE)
_BACKCHANNEL = re.compile(rf"(?:{_AGREES}|{_FOLLOWS}|[啊呀吧嘛哈])+", re.IGNORECASE)
# 嗯嗯 is heard as 您呢, 哦这样 as 我这样
_MISHEARD = re.compile(r"[嗯恩]?.?这样[啊呀]?|您呢|mm+|hmm*|umm*|n{2,}", re.IGNORECASE)

# Syllables that ask for the floor, however short: 停, 等等, 喂喂.
_COMMANDS = frozenset("停听喂不别等慢")
_QUESTION = re.compile(r"(?:[？?]|[吗么呢][。！!]?)\s*$")


class Meaning(StrEnum):
    NOISE = "noise"  # no words, or none that recognition could make sense of
    BACKCHANNEL = "backchannel"  # "I am listening, go on"
    WORDS = "words"


def meaning(text: str, voiced_ms: float) -> Meaning:
    """Return what ``text`` means that recognition made of ``voiced_ms`` of speech during a reply."""
    said = _MARKS.sub("", text)
    if not said:
        return Meaning.NOISE
    if _BACKCHANNEL.fullmatch(said):
        return Meaning.BACKCHANNEL
    if _COMMANDS.issuperset(said):
        return Meaning.WORDS
    if len(_HANZI.sub("", said)) == 0 and len(said) > 2 + voiced_ms / 1000 * _SYLLABLES_A_SECOND:
        return Meaning.NOISE
    if _sounds_like_one(said) and voiced_ms <= len(said) * _SYLLABLE_MS:
        return Meaning.BACKCHANNEL
    if voiced_ms > SHORT_MS:
        return Meaning.WORDS
    if _MISHEARD.fullmatch(said):
        return Meaning.BACKCHANNEL
    if len(said) == 1 or (said.isascii() and len(said) <= 4) or len(set(said)) == 1 < len(said):
        return Meaning.NOISE
    return Meaning.WORDS


def agrees(text: str) -> bool:
    """Whether a backchannel says yes, so that it also answers a question: 好的 does, 哦 does not."""
    return bool(_AGREEMENT.fullmatch(_MARKS.sub("", text)))


def asks(clause: str) -> bool:
    """Whether a clause of the assistant ends a question."""
    return bool(_QUESTION.search(clause))


def _sounds_like_one(said: str) -> bool:
    """Whether every syllable rhymes with that of a frequent backchannel: 吃的 for 是的, 直到了 for 知道了."""
    rhyme = tuple(lazy_pinyin(said, style=Style.FINALS, strict=False))
    return rhyme in _RHYMES


_RHYMES = {
    tuple(lazy_pinyin(word, style=Style.FINALS, strict=False))
    for word in ("是的", "对的", "好的", "好啊", "知道了", "明白", "明白了", "好的好的", "是的是的", "没错")
}
