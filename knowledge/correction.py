"""What recognition wrote, with the words of the business put right.

::

    correct = Corrector(["工位", "OneSuite"], {"足金": "租金"})
    correct("固定公位的足金")          # "固定工位的租金"
    correct("one suite是什么")         # "OneSuite是什么"

A misheard form that was entered is replaced wherever it stands as words of its own. Beside those, what
sounds exactly like a word of two or more characters becomes that word, unless it is itself a word people use.
Neither happens within a longer word of the dictionary. Pure; the first word loads jieba (0.5 s).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate

from pypinyin import Style, lazy_pinyin

from knowledge.reading import bounded
from knowledge.words import HANZI, STOP, tokenizer

OWN_WORD = 20
"""Occurrences in jieba's corpus from which on a homophone is a word that callers may mean."""
RARE = 1000
"""Occurrences below which a character is seldom a word by itself, as 咔."""
SHOUTED = 3
"""Latin words of up to so many letters are only found as they are written: IT is not it."""


class Corrector:
    """Callable: see the module."""

    def __init__(self, hot_words: Iterable[str], misheard: Mapping[str, str]) -> None:
        hot = list(hot_words)
        self._right = {*hot, *misheard.values()}
        self._misheard = {heard: term for heard, term in misheard.items() if HANZI.fullmatch(heard)}
        self._by_sound: dict[tuple[str, ...], str] = {}
        for term in hot:
            if HANZI.fullmatch(term) and len(term) > 1:
                self._by_sound.setdefault(sound(term), term)
        other = {heard: term for heard, term in misheard.items() if heard not in self._misheard}
        self._latin = [(_spelling(heard), term) for heard, term in other.items()]
        self._latin += [(_spelling(term), term) for term in hot if not HANZI.fullmatch(term)]
        lengths = {*map(len, self._misheard), *map(len, self._by_sound)}
        self._lengths = sorted({*lengths, *(len(term) for term in self._right)}, reverse=True)
        if lengths:
            tokenizer()  # now, and not while a caller waits

    def __call__(self, text: str) -> str:
        """Return ``text`` corrected; as it is when nothing is wrong."""
        for pattern, term in self._latin:
            text = pattern.sub(term, text)
        if self._misheard or self._by_sound:
            text = HANZI.sub(lambda run: self._run(run[0]), text)
        return text

    def _run(self, run: str) -> str:
        """Correct Chinese characters without a break, left to right, the longest form first."""
        # By the dictionary alone: what jieba guesses to be a word would hide what is misheard.
        tokens = list(tokenizer().cut(run, HMM=False))
        ends = {0, *accumulate(map(len, tokens))}
        syllables, toned = sound(run), lazy_pinyin(run, style=Style.TONE3)
        done, at = "", 0
        while at < len(run):
            length, said = 1, run[at]
            for size in self._lengths if at in ends else ():
                form, end = run[at : at + size], at + size
                if end > len(run) or (form not in self._right and end not in ends):
                    continue
                term = self._term(form, syllables[at:end], toned[at:end])
                if term:
                    length, said = size, term
                    break
            done, at = done + said, at + length
        return done

    def _term(self, form: str, syllables: tuple[str, ...], toned: list[str]) -> str:
        """Return what was meant by ``form``, itself when it is right; "" when it is none of our words."""
        if form in self._right:
            return form
        if form in self._misheard:
            return self._misheard[form]
        term = self._by_sound.get(syllables, "")
        return term if term and _is_misheard(form, same_tones=toned == _tones(term)) else ""


def _is_misheard(form: str, *, same_tones: bool) -> bool:
    """Whether nobody would say ``form``, so that what sounds like it is meant."""
    tokenizer_ = tokenizer()
    parts = list(tokenizer_.cut(form, HMM=False))
    single = [part for part in parts if len(part) == 1]
    if tokenizer_.FREQ.get(form, 0) >= OWN_WORD or not single or STOP & {*parts}:
        return False
    # 需租 is something to say beside 续租; 月咔 is nothing.
    return same_tones or any(tokenizer_.FREQ.get(part, 0) < RARE for part in single)


def sound(hanzi: str) -> tuple[str, ...]:
    """Return the syllables of Chinese characters, without tones."""
    return tuple(lazy_pinyin(hanzi, style=Style.NORMAL))


def _tones(term: str) -> list[str]:
    return lazy_pinyin(term, style=Style.TONE3)


def _spelling(term: str) -> re.Pattern[str]:
    """Return a pattern of a Latin word however it is cut and capitalised: one suite, Onesuite, wi fi."""
    letters = [re.escape(character) for character in re.sub(r"[\s-]", "", term)]
    flags = re.IGNORECASE if len(letters) > SHOUTED else 0
    return re.compile(bounded(term, r"[\s-]?".join(letters)), flags)
