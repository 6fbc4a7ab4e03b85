"""Mandarin text, with Latin words in it, to Kokoro's phonemes."""

from __future__ import annotations

import logging
import re
import unicodedata
from pathlib import Path

import jieba

from engines.local.latin import LatinLexicon

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


class MandarinG2P:
    """Misaki's Mandarin front end with English words looked up in its own lexicon.

    ::

        g2p = MandarinG2P(cache_dir)         # jieba's dictionary is compiled there once (1 s, then 0.4 s)
        g2p("欢迎使用OneSuite。")

    Expects text without figures (see ``text_normalization.spoken``); signs that have no sound are left out.
    """

    def __init__(self, cache_dir: Path) -> None:
        from misaki.zh import ZHG2P

        cache_dir.mkdir(parents=True, exist_ok=True)
        jieba.setLogLevel(logging.WARNING)
        jieba.dt.tmp_dir = str(cache_dir)
        jieba.initialize()
        self._word = ZHG2P.word2ipa
        self._latin = LatinLexicon()

    def __call__(self, text: str) -> str:
        """Return phonemes, words parted by spaces, punctuation in Kokoro's ASCII form."""
        parts: list[str] = []
        # é is read as e; full-width letters as their ordinary ones.
        plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        for hanzi, latin, other in _RUNS.findall(plain):
            if hanzi:
                parts += [self._hanzi(word) for word in jieba.cut(hanzi)]
            elif latin:
                parts.append(self._latin.phonemes(latin))
            elif (mark := _MARKS.get(other)) and parts:
                parts[-1] += mark
        return " ".join(part for part in parts if part)

    def _hanzi(self, word: str) -> str:
        try:
            return self._word(word).replace("\u032f", "")
        except (KeyError, ValueError, AssertionError, IndexError):
            # One rare character without a reading must not cost the sentence.
            if len(word) > 1:
                return "".join(self._hanzi(character) for character in word)
            logger.warning("No reading for %r; it is not spoken", word)
            return ""
