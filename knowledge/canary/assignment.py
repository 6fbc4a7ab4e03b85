"""Which calls a draft serves. Pure, and the same wherever and whenever it is asked.

::

    rule = Rule("canary-7", share=20, patterns=("138*", "010-8888????"))
    rule.serves(str(call_id), caller="+86 138 0000 0000")        # True: the number matches
    patterns_from("138*\\n139*")                                  # PatternError names what is none

A call whose number matches a pattern is served; of the others the share, by a hash of the call's id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

SEPARATORS = re.compile(r"[\s()（）.\-]")
COUNTRY_CODE = re.compile(r"^(?:\+|00)86")
PATTERN = re.compile(r"\+?[0-9*?]+")
MAX_PATTERNS = 50


class PatternError(ValueError):
    """Not a pattern of telephone numbers; the text is its only argument."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``share`` in percent (0..100); in ``patterns``, * stands for any digits and ? for one."""

    id: str
    share: int
    patterns: tuple[str, ...] = ()

    def serves(self, call_id: str, caller: str) -> bool:
        """Whether the draft serves this call, from its beginning to its end."""
        number = normalised(caller)
        if number and any(fnmatchcase(number, pattern) for pattern in self.patterns):
            return True
        return position(self.id, call_id) < self.share / 100


def position(rule_id: str, call_id: str) -> float:
    """Return where a call lies between 0 and 1; another rule puts the same calls elsewhere."""
    digest = hashlib.sha256(f"{rule_id} {call_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def normalised(number: str) -> str:
    """Return a number without separators and without the code of mainland China."""
    return COUNTRY_CODE.sub("", SEPARATORS.sub("", number))


def patterns_from(text: str) -> list[str]:
    """Return the patterns of a text, one a line or between commas; raise PatternError."""
    found = [normalised(part) for part in re.split(r"[\n,，;；、]", text) if part.strip()]
    for pattern in found:
        if not PATTERN.fullmatch(pattern):
            raise PatternError(pattern)
    if len(found) > MAX_PATTERNS:
        raise PatternError(found[MAX_PATTERNS])
    return list(dict.fromkeys(found))
