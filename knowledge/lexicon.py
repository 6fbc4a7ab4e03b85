"""Words of the business, proposed from its own texts.

::

    for proposal in propose(["OneSuite在国贸店有50㎡的办公室。", ...]):
        print(proposal.term, proposal.reading, proposal.misheard, proposal.count)

Names in Latin letters, names of places and branches, nouns that the texts use often and other people seldom,
units and telephone numbers. Readings and misheard forms are proposed only where a rule is sure; an operator
accepts, edits or rejects each. Pure; loads jieba and its word classes (2 s).
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import jieba.posseg
from pypinyin import Style, lazy_pinyin

from knowledge.correction import sound
from knowledge.reading import bounded
from knowledge.words import HANZI, STOP, tokenizer

COMMON = 1300
"""Occurrences in jieba's corpus from which on a word is everybody's: recognition knows it."""
OFTEN = 3
"""Occurrences in the base from which on a noun is one of its words."""
HOMOPHONE = 50
"""Occurrences in jieba's corpus from which on recognition writes a word for one that sounds the same."""
MOST_HOMOPHONES = 2
EXAMPLE_CHARS = 60
TELLING_CHARS = 20
"""About the length of a sentence that shows how a word is used."""

UNITS = {
    "㎡": "平方米",
    "m²": "平方米",
    "m2": "平方米",
    "km²": "平方公里",
    "km2": "平方公里",
    "km": "公里",
    "cm": "厘米",
    "kg": "公斤",
    "℃": "摄氏度",
    "GB": "G B",
    "MB": "M B",
    "TB": "T B",
}
_UNIT = re.compile("|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True)))
_PER = re.compile(r"(?:元|块|万元)/(?:平方米|平米|小时|[月天年日时人次位间度])")
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+|(?:https?://)?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}[\w/]*")
_PHONE = re.compile(
    r"(?<![\d-])(?:[48]00[- ]?\d{3,4}[- ]?\d{3,4}|0\d{2,3}-\d{4}-?\d{3,4}|1[3-9]\d{9})(?![\d-])"
)
_LATIN = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*")
_LETTERED = re.compile(r"(?<![A-Za-z])[A-Z][座栋幢楼区口馆厅]")
_SPELLED = re.compile(r"[A-Z]{2,4}")
_PHONE_DIGITS = "零幺二三四五六七八九"

# What turns a noun or a name before it into another: 浦江店, 月卡, 云帆路.
_SUFFIXES = frozenset("店卡版桩柜厅券证屏室号")
_PLACES = frozenset("路街巷镇村湾桥园")
# A character with two readings, and one that has only the second of them.
_SOUNDS_LIKE = {
    ("行", "hang"): "航",
    ("长", "zhang"): "掌",
    ("重", "chong"): "虫",
    ("调", "tiao"): "条",
    ("乐", "yue"): "月",
    ("率", "lv"): "律",
    ("会", "kuai"): "快",
    ("还", "huan"): "环",
}
_POLYPHONES = frozenset(character for character, _ in _SOUNDS_LIKE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A word with what is sure of it. ``kind`` is one of ``LexiconEntry.Kind``."""

    term: str
    kind: str
    count: int
    example: str
    hot: bool = True
    misheard: tuple[str, ...] = ()
    reading: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    flag: str

    @property
    def is_name(self) -> bool:
        return self.flag in ("nr", "ns", "nt", "nrt")

    @property
    def is_noun(self) -> bool:
        return self.flag in ("n", "nz", "j") or self.is_name


def propose(texts: Iterable[str]) -> list[Proposal]:
    """Return the words of these texts, the most frequent first."""
    kept = [text for text in texts if text]
    plain = [_ADDRESS.sub(" ", text) for text in kept]
    found = [*_numbers(kept), *_latin(plain), *_nouns(plain), *_polyphones(plain)]
    merged: dict[str, Proposal] = {}
    for proposal in found:
        merged.setdefault(proposal.term, proposal)
    return sorted(merged.values(), key=lambda proposal: (-proposal.count, proposal.term))


def occurrences(term: str, texts: Sequence[str]) -> int:
    """Return how often a word stands in the texts."""
    pattern = re.compile(bounded(term))
    return sum(len(pattern.findall(text)) for text in texts)


def example_of(term: str, texts: Sequence[str]) -> str:
    """Return a sentence of the texts that shows the term, cut to what a table shows."""
    parts = (part for text in texts if term in text for part in re.split(r"(?<=[。！？!?\n])", text))
    sentences = [part for part in parts if term in part]
    if not sentences:
        return ""
    sentence = min(sentences, key=lambda part: abs(len(part) - TELLING_CHARS)).strip()
    start = max(0, sentence.find(term) + len(term) - EXAMPLE_CHARS)
    return sentence[start : start + EXAMPLE_CHARS]


def _proposal(
    term: str, kind: str, texts: Sequence[str], *, hot: bool = False, reading: str = ""
) -> Proposal:
    return Proposal(term, kind, occurrences(term, texts), example_of(term, texts), hot, reading=reading)


# -- figures and letters ------------------------------------------------------


def _numbers(texts: Sequence[str]) -> Iterator[Proposal]:
    for unit in _all(re.compile(rf"(?<=\d)\s?(?P<found>{_UNIT.pattern})(?![A-Za-z0-9])"), texts):
        yield _proposal(unit, "number", texts, reading=UNITS[unit])
    for price in _all(_PER, texts):
        yield _proposal(price, "number", texts, reading=price.replace("/", "每"))
    for phone in _all(_PHONE, texts):
        groups = [
            "".join(_PHONE_DIGITS[int(digit)] for digit in group) for group in re.findall(r"\d+", phone)
        ]
        yield _proposal(phone, "number", texts, reading=" ".join(groups))


def _latin(texts: Sequence[str]) -> Iterator[Proposal]:
    for term in _all(_LETTERED, texts):
        yield _proposal(term, "name", texts, hot=True)
    for term in _all(_LATIN, texts):
        if len(term) > 1 and term not in UNITS:
            spelled = " ".join(term) if _SPELLED.fullmatch(term) else ""
            yield _proposal(term, "brand", texts, hot=True, reading=spelled)


def _all(pattern: re.Pattern[str], texts: Sequence[str]) -> list[str]:
    """Return what the pattern finds, each once, in the order of the texts."""
    matches = (match for text in texts for match in pattern.finditer(text))
    return list(dict.fromkeys(match[match.lastgroup or 0] for match in matches))


# -- words ----------------------------------------------------------------------


def _nouns(texts: Sequence[str]) -> Iterator[Proposal]:
    sentences = [tokens for text in texts for tokens in _tokens(text)]
    names = _compounds(sentences)
    counts = Counter(token for tokens in sentences for token in tokens)
    inside: Counter[str] = Counter()
    for name, (first, count) in names.items():
        if first != name:
            inside[first] += count
    chosen = {name: "name" if name[-1] in _PLACES or name[-1] == "店" else "term" for name in names}
    for token, count in counts.items():
        # 静安 is only ever said as 静安店.
        alone = count - inside[token.word]
        if _is_ours(token) and alone >= OFTEN and len(token.word) > 1 and token.word not in chosen:
            chosen[token.word] = "name" if token.is_name else "brand" if token.flag == "nz" else "term"
    written = frozenset(token.word for token in counts)
    for term, kind in chosen.items():
        times = names[term][1] if term in names else sum(n for t, n in counts.items() if t.word == term)
        example = example_of(term, texts)
        yield Proposal(term, kind, times, example, misheard=homophones(term, written))


def _is_ours(token: _Token) -> bool:
    if not token.is_noun or token.word in STOP or not HANZI.fullmatch(token.word):
        return False
    return tokenizer().FREQ.get(token.word, 0) < COMMON


def _compounds(sentences: Iterable[Sequence[_Token]]) -> dict[str, tuple[str, int]]:
    """Return what is made of a word and a suffix: its first word, and how often it is there."""
    counts: Counter[tuple[str, str]] = Counter()
    whole: Counter[str] = Counter()
    for tokens in sentences:
        for first, last in pairwise(tokens):
            place = last.word in _PLACES and first.is_noun and len(first.word) > 1
            if place or (last.word in _SUFFIXES and _takes_suffix(first)):
                counts[first.word, last.word] += 1
        # A street that jieba takes for one word.
        whole.update(t.word for t in tokens if t.word[-1] in _PLACES and t.is_name and len(t.word) > 2)
    found = {word: (word, count) for word, count in whole.items()}
    for (word, suffix), count in counts.items():
        if count >= OFTEN or suffix in _PLACES:  # a street is said by those who look for it
            found[f"{word}{suffix}"] = word, count
    return found


def _takes_suffix(first: _Token) -> bool:
    return HANZI.fullmatch(first.word) is not None and first.word not in STOP and first.flag[0] in "njmbv"


@functools.cache
def _classes() -> jieba.posseg.POSTokenizer:
    return jieba.posseg.POSTokenizer(tokenizer())


def _tokens(text: str) -> Iterator[list[_Token]]:
    """Yield the words of each run of Chinese characters."""
    for run in HANZI.findall(text):
        yield [_Token(pair.word, pair.flag) for pair in _classes().cut(run)]


# -- sounds ---------------------------------------------------------------------


def homophones(term: str, written: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return common words that sound like ``term``, but for those that are ``written`` in the base itself.

    What is no word at all is not listed: ``Corrector`` finds that by its sound.
    """
    if any(character in _POLYPHONES for character in term):
        return ()  # which of its sounds is meant is not sure
    same = [word for word in _by_sound().get(sound(term), ()) if word != term and word not in written]
    return tuple(same[:MOST_HOMOPHONES])


@functools.cache
def _by_sound() -> dict[tuple[str, ...], list[str]]:
    """Return the common words of two characters or more by their syllables, the most common first."""
    known = sorted(tokenizer().FREQ.items(), key=lambda item: -item[1])
    found: dict[tuple[str, ...], list[str]] = {}
    for word, count in known:
        if count < HOMOPHONE:
            break
        if len(word) > 1 and HANZI.fullmatch(word):
            found.setdefault(sound(word), []).append(word)
    return found


def _polyphones(texts: Sequence[str]) -> Iterator[Proposal]:
    """Propose a reading for words that a voice without a dictionary of words would say wrongly."""
    words = (token.word for text in texts for tokens in _tokens(text) for token in tokens)
    for word in dict.fromkeys(word for word in words if 1 < len(word) < 5):
        said = "".join(
            _SOUNDS_LIKE.get((character, syllable), character)
            if lazy_pinyin(character, style=Style.NORMAL) != [syllable]
            else character
            for character, syllable in zip(word, sound(word), strict=True)
        )
        if said != word:
            yield _proposal(word, "term", texts, reading=said)
