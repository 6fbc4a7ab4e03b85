"""Whether a clause is in the language of the assistant, as far as its voice can say it. Pure.

::

    languages = LanguageCheck("zh", question="会员价多少", texts=("OneSuite会员", ...))
    languages.speaks("您好，")                # True
    languages.speaks("цена是99元。")          # False
    languages.speaks("支持Wi-Fi和iPhone。")   # True: names are part of Chinese

Latin words that stand in ``texts`` (the passages, the assistant's own sentences) are always said. Only
Mandarin is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# A letter that is neither Han nor Latin: kana, hangul, Cyrillic, Arabic, Thai, ...
_OTHER = re.compile(
    r"(?![ªµº°])[\u0370-\u1cff\u1d00-\u1dbf\u1f00-\u1fff\u2c00-\u2dff\u3040-\u30ff\u3100-\u318f\u31a0-\u31ff"
    r"\ua000-\uabff\uac00-\ud7ff\ufb00-\ufdff\ufe70-\ufefe\uff66-\uffdc\U00010000-\U0001d3ff\U0001e000-\U0001efff]+"
)
_SINGLE_GREEK = re.compile(r"[\u0391-\u03c9]")  # α, μ, Ω, π: signs rather than words
_NOT_WORDS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[\w-]+(?:\.[\w-]+)+\b|\w*\d\w*", re.ASCII)
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+(?:['’-][A-Za-z\u00c0-\u024f\u1e00-\u1eff]+)*")
# English that is capitalised at the start of a sentence; other words with a capital are names.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the you he she it we they me my your our us is are am was were be been do does did have "
        "has had will would can could should may might must not no yes and or but if so then of "
        "to in on at for from with by as this that these those there here what which who when "
        "where why how please thank thanks sorry hello hi okay sure welcome good morning price "
        "cost open opens closed help dear customer per month day year week want need know",
    )
)
MAX_ENGLISH_WORDS = 2  # words of running text in a Chinese clause


class LanguageCheck:
    """See the module. A ``question`` in Latin letters alone may be answered in them."""

    def __init__(self, language: str, question: str = "", texts: Iterable[str] = ()) -> None:
        self._checked = language == "zh"
        self._question = question
        self._texts = tuple(texts)

    def speaks(self, clause: str) -> bool:
        """Whether the assistant's voice may say ``clause``."""
        if not self._checked or (clause.isascii() and not _LATIN_WORD.search(clause)):
            return True
        return not self._has_other_script(clause) and not self._is_foreign_latin(clause)

    def _has_other_script(self, clause: str) -> bool:
        for found in _OTHER.finditer(clause):
            single = len(found[0]) == 1 and _SINGLE_GREEK.match(found[0])
            if not single and found[0] not in self._known_text:
                return True
        return False

    def _is_foreign_latin(self, clause: str) -> bool:
        words = _LATIN_WORD.findall(_NOT_WORDS.sub(" ", clause))
        running = [word for word in words if self._is_running_text(word)]
        if not running or self._latin_question:
            return False
        return len(running) > MAX_ENGLISH_WORDS or not _HAN.search(clause)

    def _is_running_text(self, word: str) -> bool:
        """Whether a word is neither a name nor an abbreviation nor known from the texts."""
        lower = word.lower()
        if lower in self._known_words or (len(word) > 1 and word.isupper()) or not word[1:].islower():
            return False
        return lower in _COMMON or word[0].islower()

    @cached_property
    def _known_text(self) -> str:
        return "\n".join((self._question, *self._texts))

    @cached_property
    def _known_words(self) -> frozenset[str]:
        return frozenset(word.lower() for word in _LATIN_WORD.findall(self._known_text))

    @cached_property
    def _latin_question(self) -> bool:
        return not _HAN.search(self._question) and len(_LATIN_WORD.findall(self._question)) > 1
