"""Spoken Chinese in one spelling, and its figures, to compare what is said with what is known. Pure.

::

    normalized("一千八百块一个月，下午六点前")    # "1800元1个月，18点前"
    figures("固定工位一千八百块一个月")           # {Figure("1800", "元")}
    says("不可以退款", "可以退款")                # False: the negation belongs to it
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "幺": 1}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "零〇一二两三四五六七八九幺十百千万亿"
_RUN = re.compile(rf"[{_NUMERAL}]+")
_MIXED = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)万(?:(\d)千)?(?:(\d)百)?")
_APPROXIMATE = {"一两", "两三", "三四", "四五", "五六", "六七", "七八", "八九", "三五"}

# Not digits: a figure that follows (周六10点) would join them.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAYS = {
    name: day for names in ("一二三四五六日", "1234567") for name, day in zip(names, WEEKDAYS, strict=True)
}
_WEEKDAYS["天"] = "sun"
_WORDS = (
    (re.compile(r"(?<![点零一二三四五六七八九])十分(?!钟)"), "很"),
    (re.compile("(?:礼拜|星期|周)([一二三四五六日天1-7])"), lambda found: f"星期{_WEEKDAYS[found[1]]}"),
    (re.compile("一半"), "50%"),
    (re.compile("钟头"), "小时"),
    (re.compile("点钟"), "点"),
)
_FRACTION = re.compile(rf"百分之([{_NUMERAL}\d.点]+)")
_DECIMAL = re.compile(
    rf"(零)点([{_NUMERAL}]+)|([{_NUMERAL}]+)点([零一二三四五六七八九]+)(?=元|块|%|折|倍|gb|兆|小时|度|米)"
)
_UNITS = (
    (re.compile(r"(?<!\d)(400|0[12]\d|0[3-9]\d\d)[-，]?(\d{3,4})[-，]?(\d{4})(?!\d)"), r"\1-\2-\3"),
    (re.compile(r"(?<=\d)块钱?"), "元"),
    (re.compile(r"(\d+)(?:角|毛)钱?"), lambda found: f"{int(found[1]) / 10:g}元"),
    (re.compile(r"(\d+)元半(?!年|天|小时)"), r"\1.5元"),
    (re.compile(r"(\d+)元([1-9])(?=$|[，。！？；])"), r"\1.\2元"),
    (re.compile(r"(\d{1,2}):(\d{2})(?!\d)"), r"\1点\2"),
    (re.compile(r"(?<=\d)时(?!间|候|段|长)"), "点"),
    (re.compile(r"(\d+)点半"), r"\1点30"),
    (re.compile(r"(\d+)点(\d)刻"), lambda found: f"{found[1]}点{int(found[2]) * 15}"),
    (re.compile(r"(\d+)点0?0分?(?!\d)"), r"\1点"),
    (re.compile(r"(\d+点\d+)分"), r"\1"),
    (re.compile(r"(\d+)个半(?=小时|月)"), r"\1.5个"),
    (re.compile(r"半(?=个?小时)"), "0.5"),
    (re.compile(r"半年"), "6个月"),
    (re.compile(r"(?<=\d)g(?!b)"), "gb"),
)
_AFTERNOON = re.compile(r"(?:下午|傍晚|晚上|晚间|夜里|晚)(\d{1,2})(?=点)")
_EARLY = re.compile(r"(?:早上|早晨|上午|早)(?=\d{1,2}点)")


def normalized(text: str) -> str:
    """Return the text with numerals as digits, one word for each unit, the clock in 24 hours, half width."""
    text = "".join(unicodedata.normalize("NFKC", text).lower().split()).replace(",", "，")
    text = re.sub(r"(?<=\d)，(?=\d{3}(?!\d))", "", text)
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    text = _FRACTION.sub(lambda found: f"{found[1]}%", text)
    text = _DECIMAL.sub(lambda found: f"{found[1] or found[3]}.{found[2] or found[4]}", text)
    text = _RUN.sub(lambda found: _digits(found[0]), text)
    text = _MIXED.sub(_ten_thousands, text)
    for pattern, replacement in _UNITS:
        text = pattern.sub(replacement, text)
    text = _AFTERNOON.sub(lambda found: str(int(found[1]) + (12 if int(found[1]) < 12 else 0)), text)
    return _EARLY.sub("", text)


def _digits(run: str) -> str:
    """Return a run of numerals as digits; what is no number (千万, 三四) stays."""
    if run in _APPROXIMATE:
        return run
    if not any(char in "十百千万亿" for char in run):
        return "".join(str(_DIGITS[char]) for char in run)
    if run[0] in "百千万亿":
        return run[0] + (_digits(run[1:]) if run[1:] else "")
    return str(_value(run))


def _value(run: str) -> int:
    total = section = digit = 0
    power = 1
    for char in run:
        if char in _DIGITS:
            digit = _DIGITS[char]
            power = 1 if digit == 0 else power
        elif char in _POWERS:
            section += (digit or 1) * _POWERS[char]
            power, digit = _POWERS[char], 0
        else:
            power = 10_000 if char == "万" else 100_000_000
            total, section, digit = (total + section + digit) * power, 0, 0
    # 一千八, 一万六: the last digit counts the next lower power.
    return total + section + digit * (power // 10 if power >= 100 else 1)


def _ten_thousands(found: re.Match[str]) -> str:
    value = float(found[1]) * 10_000 + int(found[2] or 0) * 1000 + int(found[3] or 0) * 100
    return f"{value:.0f}"


class Figure(NamedTuple):
    """A number with its unit in one spelling; "" where it has none, "phone" for a telephone number."""

    value: str
    unit: str = ""


_UNIT_OF = {
    "个工作日": "工作日",
    "工作日": "工作日",
    "个人": "人",
    "位": "人",
    "名": "人",
    "层": "楼",
    "号": "日",
    "个月": "months",
    "个小时": "小时",
    "平方米": "平米",
}
_UNIT = (
    "个工作日|工作日|个月|个小时|小时|分钟|个人|人|位|名|元|%|折|点|楼|层|号口|号线|号|日|天|月|年|次|页|gb|tb|兆|度|"
    "平方米|平米|家|条|间|寸|厘米|米|公里|折|星期|秒"
)
_PHONE = re.compile(r"(?<![\d.])\d[\d -]{5,}\d(?![\d.])")
_FIGURE = re.compile(rf"(?<![\d.a-z])(\d+(?:\.\d+)?)({_UNIT})?")
_WEEKDAY = re.compile("星期([a-z]{3})")
_COUNTS_OF_ONE = {
    "",
    "天",
    "months",
    "年",
    "小时",
    "人",
    "次",
    "页",
    "家",
    "条",
    "间",
    "度",
    "分钟",
    "工作日",
    "月",
}


def figures(text: str) -> set[Figure]:
    """Return the figures of a text, whatever their spelling.

    "One" of a thing that is counted (一个月, 一次) is none: it is how rates and courtesies are worded.
    """
    text = normalized(text)
    found = {Figure(re.sub(r"\D", "", number[0]), "phone") for number in _PHONE.finditer(text)}
    text = _PHONE.sub("|", text)
    found |= {Figure(day[1], "星期") for day in _WEEKDAY.finditer(text)}
    text = _WEEKDAY.sub("|", text)
    for number in _FIGURE.finditer(text):
        unit = _UNIT_OF.get(number[2] or "", number[2] or "")
        value = f"{float(number[1]):g}" if "." in number[1] else str(int(number[1]))
        if value != "1" or unit not in _COUNTS_OF_ONE:
            found.add(Figure(value, unit))
    return found


def supported(figure: Figure, known: set[Figure]) -> bool:
    """Whether a figure is among those known: the same value, and the same unit where both have one."""
    return any(
        figure.value == other.value and (figure.unit == other.unit or "" in (figure.unit, other.unit))
        for other in known
    )


_UNDENIED = "(?<!不|没|无|未)(?<!不用|不必|不要|不会|无需|没有)(?<!不需要)"


def says(text: str, words: str) -> bool:
    """Whether a text has these words, whatever the spelling of numbers.

    A number is found whole (80 is not in 1800), and nothing is found behind a negation.
    """
    words = normalized(words)
    pattern = re.escape(words)
    pattern = (r"(?<![\d.])" if words[:1].isdigit() else _UNDENIED) + pattern
    if words[-1:].isdigit():
        pattern += r"(?![\d.]\d|\d)"
    return re.search(pattern, normalized(text)) is not None
