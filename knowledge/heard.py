"""A question as it is spoken and heard, made one that can be searched. Pure.

::

    plain("嗯，那个，我想问一下周六开门吗")          # "周六开门吗"
    spans("会意室多少钱")                          # what may be a misheard word, by its sound
    corrected("会意室多少钱", {"hui yi shi": "会议室"})    # "会议室多少钱"

A small embedding model takes what surrounds a question for the question, and a misheard word for another.
What this is worth: docs/knowledge.md, "What was measured".
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping

from pypinyin import lazy_pinyin

HANZI = re.compile(r"[\u4e00-\u9fff]+")
LONGEST, SHORTEST = 5, 2
_BEFORE = re.compile(
    r"^(?:喂|嗯+|呃+|哎+|哦|啊|那个|就是说?|你好|您好|麻烦(?:问一下|你|您)?|请问(?:一下)?|"
    r"我?就?想?(?:问一下|问问|了解一下|咨询一下|知道|请问)|哈|[，,、。\s])+"
)
_WITHIN = re.compile(r"[，,]?(?:嗯+|呃+|那个|就是说|就是|然后)[，,]")
_AFTER = re.compile(
    r"[，,]?(?:这个你知道吗|麻烦(?:你|您)了?|谢谢(?:你|您)?|就是这个意思|帮我看一下|啊|呀|呢|吗|吧|哈|哦|嘛|[。？?！!，,])+$"
)


def plain(question: str) -> str:
    """Return the question without hesitation, politeness and final particles; as it is when nothing stays."""
    bare = _AFTER.sub("", _WITHIN.sub("，", _BEFORE.sub("", question)))
    return bare if len(bare) >= SHORTEST else question


def sound(word: str) -> str:
    """Return how a Chinese word sounds on a telephone: no tones, and no difference of -n and -ng."""
    return " ".join(syllable.removesuffix("g") for syllable in lazy_pinyin(word))


def spans(text: str) -> dict[str, str]:
    """Return each stretch of 2 to 5 Chinese characters with its sound."""
    found: dict[str, str] = {}
    for run in HANZI.findall(text):
        syllables = sound(run).split()
        if len(syllables) == len(run):
            for start, end in _stretches(len(run)):
                found[run[start:end]] = " ".join(syllables[start:end])
    return found


def corrected(text: str, words: Mapping[str, str], known: Container[str] = ()) -> str:
    """Return the text with each stretch that sounds like one of ``words`` (by sound) replaced by it.

    Longer stretches come first; a stretch among ``known`` words stays.
    """
    sounds = spans(text)

    def mend(run: re.Match[str]) -> str:
        parts: list[str] = []
        rest = run.group()
        while rest:
            part = next(
                (
                    rest[:size]
                    for size in range(min(LONGEST, len(rest)), SHORTEST - 1, -1)
                    if rest[:size] in known or sounds.get(rest[:size]) in words
                ),
                rest[0],
            )
            parts.append(part if part in known else words.get(sounds.get(part, ""), part))
            rest = rest[len(part) :]
        return "".join(parts)

    return HANZI.sub(mend, text)


def _stretches(length: int) -> Iterator[tuple[int, int]]:
    for start in range(length):
        for size in range(SHORTEST, LONGEST + 1):
            if start + size <= length:
                yield start, start + size
