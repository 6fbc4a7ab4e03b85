"""Mandarin text, with Latin words in it, to pinyin and to Kokoro's phonemes."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jieba
from pypinyin import Style, lazy_pinyin

from engines.local.latin import LatinLexicon
from engines.local.polyphones import corrections

logger = logging.getLogger(__name__)

_RUNS = re.compile(r"([\u4e00-\u9fff]+)|([A-Za-z]+(?:'[a-z]+)?)|(.)", re.DOTALL)
_MARKS = {
    "，": ",",
    "、": ",",
    "。": ".",
    "！": "!",
    "？": "?",
    "；": ";",
    "：": ":",
    "\n": ".",
    "（": "(",
    "）": ")",
}
_MARKS |= {mark: mark for mark in ",.!?;:…—“”()"}


class _Word(NamedTuple):
    """A word of Chinese characters with their syllables, a Latin word, or a mark."""

    text: str
    syllables: list[str]
    latin: bool = False


class MandarinG2P:
    """Misaki's sounds of Mandarin, with English words looked up in its own lexicon.

    ::

        g2p = MandarinG2P(cache_dir)         # jieba's dictionary is compiled there once (1 s, then 0.4 s)
        g2p("欢迎使用OneSuite。")
        g2p.pinyin("请按时还款。")            # "qing3 an4 shi2 huan2 kuan3."

    Words are cut by jieba and read by pypinyin, and by ``polyphones`` where the context decides. Expects text
    without figures (see ``text_normalization.spoken``); signs that have no sound are left out.
    """

    def __init__(self, cache_dir: Path) -> None:
        from misaki.zh import ZHG2P

        cache_dir.mkdir(parents=True, exist_ok=True)
        jieba.setLogLevel(logging.WARNING)
        jieba.dt.tmp_dir = str(cache_dir)
        jieba.initialize()
        self._syllable = ZHG2P.py2ipa
        self._latin = LatinLexicon()

    def __call__(self, text: str) -> str:
        """Return phonemes, words parted by spaces, punctuation in Kokoro's ASCII form."""
        parts: list[str] = []
        for word in _words(text):
            if word.syllables:
                parts.append("".join(map(self._sound, word.syllables)))
            elif word.latin:
                parts.append(self._latin.phonemes(word.text))
            elif (mark := _MARKS.get(word.text)) and parts:
                parts[-1] += mark
        return " ".join(part for part in parts if part)

    def pinyin(self, text: str) -> str:
        """Return syllables with their tones as figures, 5 for the neutral one; Latin words stay."""
        parts: list[str] = []
        for word in _words(text):
            if mark := _MARKS.get(word.text):
                parts[-1:] = [parts[-1] + mark] if parts else []
            elif word.latin or word.syllables:
                parts += word.syllables or [word.text]
        return " ".join(parts)

    def _sound(self, syllable: str) -> str:
        try:
            return self._syllable(syllable).replace("\u032f", "")
        except (KeyError, ValueError, AssertionError, IndexError):
            # One rare character without a reading must not cost the sentence.
            logger.warning("No reading for %r; it is not spoken", syllable)
            return ""


def _words(text: str) -> Iterator[_Word]:
    # é is read as e; full-width letters as their ordinary ones.
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    told = corrections(plain)
    for run in _RUNS.finditer(plain):
        hanzi, latin, other = run.groups()
        if not hanzi:
            yield _Word(latin or other, [], latin=bool(latin))
            continue
        start = run.start()
        for word in jieba.cut(hanzi):
            syllables = _read(word)
            yield _Word(word, [told.get(start + place, syllable) for place, syllable in enumerate(syllables)])
            start += len(word)


def _read(word: str) -> list[str]:
    syllables = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    if len(syllables) == len(word):
        return syllables
    # pypinyin joins characters that it does not know.
    return [lazy_pinyin(c, style=Style.TONE3, neutral_tone_with_five=True)[0] for c in word]
