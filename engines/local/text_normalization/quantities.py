"""Figures that count or measure: with a unit, as a percentage, a ratio, a fraction or a place in a row."""

from __future__ import annotations

import math
import re

from engines.local.text_normalization.codes import ROOM
from engines.local.text_normalization.item import Item, Kind, Match, Reader, before, left_of, reader
from engines.local.text_normalization.money import plain
from engines.local.text_normalization.numerals import cardinal, digits, number
from engines.local.text_normalization.units import unit

_NUMBER = r"\d+(?:\.\d+)?"
_DASH = r"\s?[-~—–至到]+\s?"
_NUMBER_RE = re.compile(_NUMBER)
# 1/2个, but 24/48小时 and 2/4人间 are lists.
_LARGEST_PART = 10


@reader(rf"(-?)({_NUMBER})\s?([%‰])", Kind.PERCENT)
def percent(match: Match) -> str:
    minus = "负" if match[1] else ""
    return f"{'百' if match[3] == '%' else '千'}分之{minus}{number(match[2])}"


@reader(rf"({_NUMBER})(?={_DASH}-?{_NUMBER}\s?([%‰]))", Kind.PERCENT)
def percent_of_range(match: Match) -> str:
    return f"{'百' if match[2] == '%' else '千'}分之{number(match[1])}"


@reader(rf"({_NUMBER}(?::{_NUMBER})+)(?![:\d])", Kind.FRACTION)
def ratio(match: Match) -> str:
    return "比".join(number(part) for part in match[0].split(":"))


@reader(r"\d{1,3}(?:[-–—]\d{1,3})+", Kind.FRACTION)
def score(match: Match) -> str | None:
    told = re.search(r"(?:比分|[战打踢]成|(?<![价战])[胜负](?:于|了)?|战平)[是为：:\s]*$", before(match))
    return "比".join(cardinal(part) for part in re.split(r"[-–—]", match[0])) if told else None


@reader(r"(\d{1,2})\s?(?:[vV][sS]?\.?|对)\s?(\d{1,2})(?![\dA-Za-z.])", Kind.FRACTION)
def versus(match: Match) -> str:
    return f"{cardinal(match[1])}对{cardinal(match[2])}"


@reader(r"24/7|7/24(?=\s?小?时|服务|在线|客服)", Kind.QUANTITY)
def around_the_clock(match: Match) -> str:
    return "七乘二十四" + (
        "小时" if match[0] == "24/7" and not match.string.startswith("小时", match.end()) else ""
    )


@reader(r"(\d{1,4})/(\d{1,4})(?![\d/:]|\.\d)", Kind.FRACTION)
def fraction(match: Match) -> str | None:
    part, whole = int(match[1]), int(match[2])
    if before(match).endswith("/") or not whole:
        return None
    if part > whole > 1:
        return None  # 120/80
    proper = part == 1 or (part < whole <= _LARGEST_PART and math.gcd(part, whole) == 1)
    measured = unit(match.string, match.end()) or ROOM.match(match.string, match.end())
    if measured and not proper:
        return None
    return f"{cardinal(match[2])}分之{cardinal(match[1])}"


@reader(r"(\d+)(?:\.(\d+))?(?![\d.]\d)", Kind.ORDINAL)
def ordinal(match: Match) -> str | None:
    if not before(match).endswith("第"):
        return None
    return cardinal(match[1], pair=False) + (f"点{digits(match[2])}" if match[2] else "")


@reader(r"(\d\d)(?=折)", Kind.QUANTITY)
def discount(match: Match) -> str:
    return digits(match[1])


_SPEED = {"km": "公里", "m": "米", "mi": "英里", "cm": "厘米", "mm": "毫米"}
_TIME = {"h": "小时", "s": "秒", "min": "分钟"}


@reader(rf"({_NUMBER})(?:({_DASH})({_NUMBER}))?\s?(km|m|mi|cm|mm)/(h|s|min)(?![A-Za-z0-9²])", Kind.QUANTITY)
def speed(match: Match) -> str:
    length = f"{number(match[1])}到{number(match[3])}" if match[3] else _counted(match[1], pair=True)
    return f"每{_TIME[match[5]]}{length}{_SPEED[match[4]]}"


@reader(rf"({_NUMBER})\^(-?)(\d+)", Kind.NUMBER)
def power(match: Match) -> str:
    return f"{number(match[1])}的{'负' if match[2] else ''}{cardinal(match[3])}次方"


# 第1、2条 and 第2-3名 name places in a row as 第2条 does.
_IN_A_ROW = re.compile(r"第\d[\d\s、,，和及至到~-]*$")


def with_unit(text: str, position: int) -> Item | None:
    """Read a number with its unit: 2个, 500mL, 1.50元, 2万."""
    match = _NUMBER_RE.match(text, position)
    left = left_of(text, position)
    measured = unit(text, match.end(), left) if match else None
    if not match or not measured:
        return None
    figure = plain(match[0]) if measured.said in "元块万" else match[0]
    pair = measured.pair and not _IN_A_ROW.search(left)
    return Item(_counted(figure, pair=pair) + measured.said, measured.end, Kind.QUANTITY, pair=pair)


def _counted(figure: str, *, pair: bool) -> str:
    return "两" if pair and figure == "2" else number(figure)


READERS: tuple[Reader, ...] = (
    around_the_clock,
    speed,
    percent,
    percent_of_range,
    score,
    ordinal,
    fraction,
    ratio,
    versus,
    discount,
    power,
    with_unit,
)
