"""Which sentences of a text are over: an offer until a day that has passed. Pure.

::

    expired("日卡80元。即日起至2025年6月30日半价。", date(2026, 11, 30))     # the second sentence

A last day is a date behind 至, 到, 截至, or before 止, 前, 截止. One without a year is this year's, and
counts for offers only (优惠, 活动, 折, 赠): holidays come again every year.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

_OFFER = re.compile(r"优惠|活动|特价|促销|限时|折|赠|立减|满减|返现|抢购|体验价")
_DAY = r"(?:(\d{4})\s*年\s*)?(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]"
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_LAST_DAY = re.compile(
    rf"(?:至|到|截至|截止到?|有效期[至到]?|—|–|-|~){_DAY}|{_DAY}(?:止|前|之前|截止|结束|到期|为止)"
)
_SENTENCE = re.compile(r"[^。！!；;\n]+[。！!；;\n]?")
_OVER = re.compile(r"已(?:经)?(?:结束|过期|截止|到期|下线|停止)")


def expired(text: str, today: date) -> list[str]:
    """Return the sentences that speak of something as valid whose last day is before ``today``."""
    return [sentence for sentence in _sentences(text) if _is_over(sentence, today)]


def still_valid(text: str, today: date) -> str:
    """Return the text without those sentences."""
    return "".join(sentence for sentence in _sentences(text) if not _is_over(sentence, today))


def _sentences(text: str) -> list[str]:
    return _SENTENCE.findall(_ISO.sub(r"\1年\2月\3日", unicodedata.normalize("NFKC", text)))


def _is_over(sentence: str, today: date) -> bool:
    if _OVER.search(sentence):
        return False
    for match in _LAST_DAY.finditer(sentence):
        year, month, day = match.group(1, 2, 3) if match[2] else match.group(4, 5, 6)
        if not year and not _OFFER.search(sentence):
            continue
        try:
            last = date(int(year or today.year), int(month), int(day))
        except ValueError:
            continue  # 13月40日 is no day
        if last < today:
            return True
    return False
