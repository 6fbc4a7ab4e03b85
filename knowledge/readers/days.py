"""Days as people write them into tables.

::

    day_of("2025年11月11日", last=True)        # date(2025, 11, 11)
    day_of("2025-11", last=True)              # date(2025, 11, 30)
    period_of("2025.11.1 - 11.11")            # (date(2025, 11, 1), date(2025, 11, 11))

ValueError: it names no day. Words for "always" are None.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

ALWAYS = re.compile(
    r"[-—–/无]*|长期(?:有效)?|永久(?:有效)?|不限|即日起?|立即(?:生效)?|无限期|none|n/a|forever|always|permanent",
    re.IGNORECASE,
)
DAY = re.compile(
    r"(?P<year>(?:19|20)\d\d)\s*(?:[-/.年]\s*)?(?P<month>1[0-2]|0?[1-9])?"
    r"(?:\s*(?:[-/.月]\s*)?(?P<day>3[01]|[12]\d|0?[1-9]))?\s*[日号月年]?"
    r"(?:\s*(?:T|\s)?\s*\d{1,2}[:：时点]\d{0,2}分?(?:[:：]\d{2})?(?:\.\d+)?Z?)?"
    r"\s*(?:止|起|前|之前|以前|截止|开始|结束)?",
    re.IGNORECASE,
)
# A day as Excel counts it, of a cell that has lost its format: 1995 to 2064.
SERIAL = re.compile(r"[3-5]\d{4}")
# The second day of a period may leave out the year: 2025.11.1 - 11.11
SHORT = re.compile(r"(?P<month>1[0-2]|0?[1-9])\s*[-/.月]\s*(?P<day>3[01]|[12]\d|0?[1-9])\s*[日号]?\s*止?")
BETWEEN = re.compile(r"\s*(?:~|～|至|到|—+|–|－|\s-\s|(?<=[日号])-)\s*")


def day_of(text: str, *, last: bool) -> date | None:
    """Return the day; of a month or year alone its last day, or its first."""
    text = text.strip()
    if ALWAYS.fullmatch(text):
        return None
    if SERIAL.fullmatch(text):
        return date(1899, 12, 30) + timedelta(days=int(text))
    found = DAY.fullmatch(re.sub(r"^(?:至|截至|截止至?|到|自|从)\s*", "", text))
    if not found:
        raise ValueError(text)
    year = int(found["year"])
    month = int(found["month"] or (12 if last else 1))
    day = int(found["day"] or (calendar.monthrange(year, month)[1] if last else 1))
    return date(year, month, day)


def period_of(text: str) -> tuple[date | None, date | None]:
    """Return the first and the last day of a period; a single day is its last."""
    ends = BETWEEN.split(text.strip(), maxsplit=1)
    if len(ends) == 1 or not ends[0]:
        return None, day_of(ends[-1], last=True)
    first = day_of(ends[0], last=False)
    short = SHORT.fullmatch(ends[1].strip())
    if short and first:
        return first, date(first.year, int(short["month"]), int(short["day"]))
    return first, day_of(ends[1], last=True)
