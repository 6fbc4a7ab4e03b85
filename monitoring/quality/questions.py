"""Which questions are the same: by their words, in whatever order, politeness and particles left out. Pure.

::

    same = question_key("请问套餐一个月多少钱呀")
    same == question_key("嗯，一个月套餐多少钱")      # True; 16 characters, "" when nothing is asked
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from knowledge.heard import plain, sound
from knowledge.words import HANZI, words

_MARKS = re.compile(r"\W+")


@lru_cache(maxsize=65536)
def question_key(text: str) -> str:
    """Return the same for every wording of a question: the syllables of its words, for they may be misheard.

    What has no word of a topic is the same only when it is written the same.
    """
    bare = plain(text)
    found = {part for word in words(bare) for part in (sound(word).split() if HANZI.match(word) else [word])}
    same = " ".join(sorted(found)) or _MARKS.sub("", bare).lower()
    return hashlib.blake2b(same.encode(), digest_size=8).hexdigest() if same else ""
