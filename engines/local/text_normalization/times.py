"""Times of day."""

from __future__ import annotations

import re

from engines.local.text_normalization.item import Item, Kind, Match, Reader, before, reader
from engines.local.text_normalization.numerals import DIGITS, cardinal

_HOUR, _MINUTE = r"(?P<hour>[01]?\d|2[0-4])", r"(?P<minute>[0-5]\d)"
_HALF_DAY = r"(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)"
PARTS_OF_DAY = r"凌晨|清晨|早上|早晨|上午|中午|正午|午后|下午|傍晚|晚上|晚间|夜里|夜间|深夜|午夜|[早晚]"
_PART_BEFORE = re.compile(rf"(?:{PARTS_OF_DAY})\s?$")
# 2:1 and 16:10 may be ratios and scores.
_COMPARED = re.compile(r"(?:比例|比率|比分|比为|比是|配比|宽高比|长宽比|屏占比|画幅|比)[是为约：:\s]*$")
_NOON = 12
_EVENING = 19


def hour(figure: str) -> str:
    """Return an hour before 点: two o'clock is 两点."""
    return "两" if int(figure) == 2 else cardinal(figure)


def _two_figures(figure: str) -> str:
    """Return minutes: 05 is 零五."""
    return f"零{DIGITS[int(figure)]}" if int(figure) < 10 else cardinal(figure)


def _with_part_of_day(match: Match, said: str) -> str:
    if not match["half"] or _PART_BEFORE.search(before(match)):
        return said
    clock, afternoon = int(match["hour"]) % _NOON, match["half"] in "Pp"
    if clock == 0:
        return ("中午" if afternoon else "凌晨") + said
    if not afternoon:
        return ("凌晨" if clock < 6 else "上午") + said
    return ("晚上" if clock + _NOON >= _EVENING else "下午") + said


@reader(rf"{_HOUR}:{_MINUTE}(?::(?P<second>[0-5]\d))?(?!\d|:\d|\.\d){_HALF_DAY}?", Kind.TIME)
def of_clock(match: Match) -> str | None:
    if _COMPARED.search(before(match)):
        return None
    said = f"{hour(match['hour'])}点"
    minute, second = match["minute"], match["second"]
    if int(minute) or (second and int(second)):
        said += f"{_two_figures(minute)}分"
    if second and int(second):
        said += f"{cardinal(second)}秒"
    return _with_part_of_day(match, said)


@reader(rf"{_HOUR}{_HALF_DAY}", Kind.TIME)
def of_half_day(match: Match) -> str:
    return _with_part_of_day(match, f"{hour(match['hour'])}点")


@reader(
    r"(?P<hour>[01]?\d|2[0-4])点(?P<rest>半|钟|整|[一三]刻|(?P<minute>[0-5]?\d)(?P<unit>分)?(?![\d点.]))?",
    Kind.TIME,
)
def in_words(match: Match) -> str:
    minute = match["minute"]
    if not minute:
        return f"{hour(match['hour'])}点{match['rest'] or ''}"
    said = _two_figures(minute) if len(minute) == 2 else DIGITS[int(minute)]
    return f"{hour(match['hour'])}点{said}{match['unit'] or ''}"


@reader(r"([01]?\d|2[0-4])时(?:([0-5]?\d)分)?(?![间长段代尚效速光差辰])", Kind.TIME)
def in_formal_words(match: Match) -> str:
    return f"{cardinal(match[1])}时" + (f"{cardinal(match[2])}分" if match[2] else "")


def hour_of_range(text: str, position: int) -> Item | None:
    """Read the 9 of 9-18点, which stands before a dash; see ``scanner``."""
    match = re.compile(r"([01]?\d|2[0-4])(?=\s?[-~—–至到]+\s?(?:[01]?\d|2[0-4])点)").match(text, position)
    return Item(hour(match[1]), match.end(), Kind.TIME) if match else None


READERS: tuple[Reader, ...] = (of_clock, of_half_day, in_words, in_formal_words, hour_of_range)
