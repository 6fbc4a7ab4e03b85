"""Characters with several readings: the one that the words around them ask for.

::

    corrections("押金为两个月租金")       # {2: "wei2"}
    corrections("单先生，请按时还款")     # {0: "shan4", 7: "huan2"}

pypinyin reads word by word and knows a character alone by its most frequent reading only. The rules here look
at what stands before and behind, wherever words are cut; a character that no rule fits is left to pypinyin.
Pure; the tables are in ``polyphone_rules``.
"""

from __future__ import annotations

import re

from engines.local.polyphone_rules import CONTEXTS, PHRASES, SURNAMES, TITLES

_LEFT_CHARS = 6


class _Rule:
    """One reading of a character, between what stands before it and what stands behind."""

    def __init__(self, reading: str, left: str, right: str) -> None:
        self.reading = reading
        self._left = re.compile(f"(?:{left})$") if left else None
        self._right = re.compile(right) if right else None

    def fits(self, text: str, position: int) -> bool:
        if self._right and not self._right.match(text, position + 1):
            return False
        return not self._left or bool(self._left.search(text[max(0, position - _LEFT_CHARS) : position]))


_RULES = {
    character: [_Rule(reading, left, right) for reading, left, right in rules]
    for character, rules in CONTEXTS.items()
}
_PHRASE = re.compile("|".join(sorted(PHRASES, key=len, reverse=True)))
# A surname stands before a title, where no word ends with it: 单先生, but 下单客户; 请查经理的电话 is a verb.
_NAME = "|".join(SURNAMES)
_SURNAME = re.compile(
    rf"(?:(?<![\u4e00-\u9fff])|(?<=[位是的给找和与跟由问好叫])|(?<=[请让])(?![查解盖]))(?:{_NAME})(?={TITLES})|(?<=姓)(?:{_NAME})"
)


def corrections(text: str) -> dict[int, str]:
    """Return the readings that the context decides, by the place of their character; tones are figures."""
    found: dict[int, str] = {}
    for position, character in enumerate(text):
        for rule in _RULES.get(character, ()):
            if rule.fits(text, position):
                found[position] = rule.reading
                break
    for match in _SURNAME.finditer(text):
        found[match.start()] = SURNAMES[match[0]]
    for match in _PHRASE.finditer(text):
        found |= {match.start() + place: reading for place, reading in PHRASES[match[0]].items()}
    return found
