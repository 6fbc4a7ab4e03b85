"""The figures of a Chinese text: amounts, times, dates, telephone numbers. Pure.

::

    figures_in("大会议室坐16个人，三百元一小时")    # {Figure(16, "人"), Figure(300, "元"), Figure(1, "小时")}
    supports(figures_in("每月1200元"), Figure(1200, "元"))     # True

Chinese numerals count where a unit follows or they have two characters and more: 一 in 一样 is no figure.
Values are exact decimals, telephone numbers and codes are digits without their hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple


class Figure(NamedTuple):
    """A value with its unit, "" where none is known; a code (telephone number, identifier) has the unit
    "#"."""

    value: Decimal | str
    unit: str = ""


CODE = "#"
_DIGITS = {**{char: str(n) for n, char in enumerate("零一二三四五六七八九")}, "〇": "0", "两": "2", "幺": "1"}
_TENS = {"十": 10, "百": 100, "千": 1000}
_BIG = {"万": 10_000, "亿": 100_000_000}
_NUMERAL = "零〇一二两三四五六七八九十百千万亿"

# Each unit with its other spellings, as callers and entries write them; longer ones are tried first.
_UNITS = {
    "元": "元钱 块钱 元 块 圆",
    "点": "点钟 点整 点 时",
    "分钟": "分钟",
    "小时": "个小时 个钟头 小时 钟头",
    "天": "个工作日 工作日 天 日",
    "周": "个星期 个礼拜 星期 礼拜 周",
    "月": "个月 月份 月",
    "年": "年",
    "人": "个人 位客人 位访客 人 位 名",
    "折": "折",
    "%": "% ％ 个百分点 个点",
    "次": "次 回 遍",
    "页": "页 张",
    "楼": "层楼 层 楼",
    "号": "号",
    "米": "平方米 平米 ㎡ 米",
    "度": "度电 度",
    "兆": "兆 M",
    "GB": "GB G",
    "家": "家店 家",
    "间": "间",
    "岁": "岁",
    "公里": "公里 千米",
}
_UNIT_OF = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings.split()}
_UNIT = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
_COUNTED = f"(?:个半|个)?(?P<unit>{_UNIT})?"
_CODE = re.compile(r"\d{2,4}(?:-\d{3,8}){1,3}|\d{7,}")
_CLOCK = re.compile(r"(\d{1,2})[:：](\d{2})")
_PERCENT = re.compile(rf"百分之(?P<number>[{_NUMERAL}点]+|\d+(?:\.\d+)?)")
_ARABIC = re.compile(
    rf"(?P<number>\d+(?:[,，]\d{{3}})*(?:\.\d+)?)(?:(?P<big>[万千亿])(?P<rest>\d{{1,4}}|[{_NUMERAL}]*))?{_COUNTED}"
)
_AFTERNOON = re.compile(
    rf"(?:下午|傍晚|晚上|今晚|晚)(?P<hour>\d{{1,2}}|[{_NUMERAL}]{{1,3}})(?P<rest>点|[:：]\d{{2}})"
)
_CHINESE = re.compile(rf"(?P<number>[{_NUMERAL}]+(?:点[零一二三四五六七八九]+)?){_COUNTED}")
# 一 is mostly a word, not a number: 一样, 一定, 一共, 一起, 一次付清.
_ONLY_WORDS = re.compile(
    r"一(?:样|定|共|起|直|般|些|点|下|切|律|并|旦|边|会儿|个)|万一|统一|唯一|之一|同一|第一|十分|千万|百分"
)


def figures_in(text: str) -> frozenset[Figure]:
    """Return every figure of a text, each once."""
    found: set[Figure] = set()
    text = _AFTERNOON.sub(_in_24_hours, text)
    rest = _take(_CODE, text, found, lambda match: [Figure(re.sub(r"\D", "", match[0]), CODE)])
    rest = _take(_CLOCK, rest, found, _clock)
    rest = _take(_PERCENT, rest, found, lambda match: [Figure(number(match["number"]), "%")])
    rest = _take(_ARABIC, rest, found, _arabic)
    _take(_CHINESE, _ONLY_WORDS.sub(" ", rest), found, _chinese)
    return frozenset(found)


def supports(known: Iterable[Figure], asserted: Figure) -> bool:
    """Whether a figure is among those that are known: the same value, and no other unit."""
    known = frozenset(known)
    if asserted.value == 1 and asserted.unit and any(figure.unit == asserted.unit for figure in known):
        return True  # 一个月1200元 says what 每月1200元 says
    return any(
        figure.value == asserted.value
        and (figure.unit == asserted.unit or not (figure.unit and asserted.unit))
        for figure in known
    )


def number(text: str) -> Decimal:
    """Return the value of an Arabic or Chinese numeral: 一千八 is 1800, 两万四 24000, 九点五 9.5."""
    if text[0].isdigit():
        return Decimal(re.sub("[,，]", "", text))
    whole, _, decimals = text.partition("点")
    value = Decimal(_chinese_integer(whole))
    return value + Decimal(f"0.{''.join(_DIGITS[char] for char in decimals)}") if decimals else value


def _chinese_integer(text: str) -> int:
    if all(char in _DIGITS for char in text):
        return int("".join(_DIGITS[char] for char in text))
    total = section = digit = 0
    last = 1
    for char in text:
        if char in _DIGITS:
            digit = int(_DIGITS[char])
            last = 1 if char in "零〇" else last
        elif char in _TENS:
            section += (digit or 1) * _TENS[char]
            digit, last = 0, _TENS[char]
        else:
            total = (total + section + digit) * _BIG[char]
            section, digit, last = 0, 0, _BIG[char]
    # 一千八 leaves out the hundred that 八 counts.
    return total + section + digit * (last // 10 if last > 10 else 1)


def _take(
    pattern: re.Pattern[str], text: str, found: set[Figure], read: Callable[[re.Match[str]], list[Figure]]
) -> str:
    """Add what ``read`` makes of each match, and return the text without them."""

    def keep(match: re.Match[str]) -> str:
        found.update(read(match))
        return " "

    return pattern.sub(keep, text)


def _in_24_hours(match: re.Match[str]) -> str:
    hour = int(number(match["hour"]))
    return f"{hour + 12 if hour < 12 else hour}{match['rest']}"


def _clock(match: re.Match[str]) -> list[Figure]:
    minutes = [Figure(Decimal(match[2]), "分")] if int(match[2]) else []
    return [Figure(Decimal(match[1]), "点"), *minutes]


def _arabic(match: re.Match[str]) -> list[Figure]:
    value = number(match["number"])
    unit = _UNIT_OF.get(match["unit"] or "", "")
    if match["big"]:
        scale = {**_TENS, **_BIG}[match["big"]]
        rest = number(match["rest"]) if match["rest"] else Decimal(0)
        # 1万6 leaves out the thousand that 6 counts.
        value = value * scale + rest * (scale // 10 if 0 < rest < 10 else 1)
    return [Figure(value.normalize() if value % 1 else value.to_integral_value(), unit)]


def _chinese(match: re.Match[str]) -> list[Figure]:
    return _chinese_value(match["number"], _UNIT_OF.get(match["unit"] or "", ""))


def _chinese_value(numeral: str, unit: str) -> list[Figure]:
    if (not unit and len(numeral) < 2) or not any(char in _DIGITS or char in _TENS for char in numeral):
        return []
    return [Figure(number(numeral), unit)]
