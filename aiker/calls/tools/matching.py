"""Whether an utterance is, but for its manners, one of a tool's example phrases. Pure.

::

    same("嗯，麻烦您帮我转一下人工吧", "转人工")    # True
    same("转人工要多久", "转人工")                 # False: a question about it
    is_yes("对，是的")                            # True
    offers("需要为您转人工确认吗？", ["转人工"])     # True: a yes to it calls the tool

Precision before recall: what is near and not the same is left to the language model.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from knowledge.heard import HANZI, plain, sound

SOUND_FROM = 3
"""Characters from which on the same sound is the same phrase: 赚人工 for 转人工."""

_MARKS = re.compile(r"[\s，。！？、；：,.!?;:~…“”\"'（）()]+")
_BEFORE = re.compile(
    r"^(?:请|麻烦(?:你|您)?|帮我|帮忙|给我|替我|我要|我想要?|我需要|我还是|还是|能不能|可不可以|能|可以|直接|那就?|就|"
    r"你|您|快点?|赶紧|马上|现在|好的?(?=.{2}))+"
)
_AFTER = re.compile(
    r"(?:可不可以|行不行|好不好|可以吗|行吗|好吗|吧|啊|呀|呢|吗|嘛|了|哦|谢谢(?:你|您|啊)?)+$"
)
_AGAIN = re.compile(r"^(.{2,}?)\1+$")
_YES = re.compile(
    r"(?:嗯+|啊|哦|噢|唉|哎|对+的?|是+的?|好+的?|好嘞|要得|嗯呐|愿意|行+的?|可以的?|没错|要+的?|需要的?|确认|确定|肯定|当然|必须的?|"
    r"同意|没问题|就这样|成|中|(?:OK|ok)的?|转+|接|办|吧|啊|呀|哈|呢|了|的话|也|都|先|快点?|赶紧|马上|过去|一下|这样|"
    r"麻烦(?:你|您)?了?|有劳(?:你|您)?了?|辛苦(?:你|您)?了?|谢谢(?:你|您)?|多谢|帮我|给我|请|我|那|就|你|您)+"
)
_SAYS_YES = re.compile(
    r"嗯|对|是|(?<![你您])好|行|可以|没错|要|确认|确定|肯定|当然|必须|同意|没问题|就这样|成|中|OK|ok|转|接|办|麻烦|有劳|愿意"
)
_ASKS = re.compile(r"[吗么嘛呢][？?。]?$|[？?]$")


@functools.lru_cache(1024)
def bare(text: str) -> str:
    """Return an utterance without marks, hesitation and manners; as it is when nothing stays."""
    heard = _MARKS.sub("", plain(text.lower())).replace("一下", "")
    begun = _BEFORE.sub("", heard)
    core = next((text for text in (_AFTER.sub("", begun), begun) if len(text) > 1), heard)
    return _AGAIN.sub(r"\1", core)


def same(text: str, phrase: str) -> bool:
    """Whether an utterance says no more and no less than ``phrase``, by its characters or its sound."""
    said, wanted = bare(text), bare(phrase)
    if said == wanted:
        return bool(said)
    if len(said) != len(wanted) or len(wanted) < SOUND_FROM:
        return False
    return bool(HANZI.fullmatch(said) and HANZI.fullmatch(wanted)) and sound(said) == sound(wanted)


def is_yes(text: str) -> bool:
    """Whether an utterance agrees, and does nothing else."""
    said = _MARKS.sub("", text)
    return bool(_YES.fullmatch(said) and _SAYS_YES.search(said))


def offers(said: str, phrases: Iterable[str]) -> bool:
    """Whether what the assistant said asks if it shall do what ``phrases`` ask for."""
    if not _ASKS.search(said.strip()):
        return False
    words = _MARKS.sub("", said)
    return any(core in words for phrase in phrases if len(core := bare(phrase)) >= SOUND_FROM)
