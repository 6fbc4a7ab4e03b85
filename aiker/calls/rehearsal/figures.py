"""The figures of a Chinese text: prices, counts, dates, times, percentages, telephone numbers. Pure.

::

    figures("日卡八十元，9点到18点，打九五折")     # {Figure("80", "元"), Figure("9", "点"), ...}
    unsupported(figures(answer), figures(passage))     # those of the answer that the passage does not have

Digits and Chinese numerals are the same figure, and so are 块 and 元, 下午6点 and 18点, 半价 and 5折. This is
not the reading of ``knowledge.grounding`` on purpose: what the guard of calls misreads, a second one finds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class Figure(NamedTuple):
    """A number without superfluous zeros, and its unit in one spelling; empty where it has none."""

    value: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value}{self.unit}"


DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
NUMERALS = "".join(DIGITS) + "".join(SCALES)

# A unit, and how else it is said.
_SPELLINGS = (
    "元 块 块钱 人民币", "角 毛", "折", "成", "%", "点 时", "分", "秒", "分钟", "小时 个小时 钟头 个钟头",
    "天", "日", "工作日 个工作日", "周 星期 个星期", "月", "个月 个自然月", "年", "岁", "期", "号",
    "楼 层", "人 位 名", "间", "家", "店", "次", "页", "张", "个", "台", "件", "份", "辆", "套", "本", "座",
    "米", "平方米 平米", "公里", "斤", "公斤", "度", "兆", "mb", "gb g", "tb", "倍", "级",
)  # fmt: skip
UNITS = {spelling: line.split()[0] for line in _SPELLINGS for spelling in line.split()}
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_PHONE = re.compile(r"(?<!\d)\d{2,4}(?:-\d{3,4}){1,2}(?!\d)|(?<!\d)\d{7,12}(?!\d)")
_DATE = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-4])[:：]([0-5]\d)(?!\d)")
_HALF_PAST = re.compile(rf"(?<=[\d{NUMERALS}]点)半")
_LATER = re.compile(rf"(下午|傍晚|晚上|夜里|晚间)([\d{NUMERALS}]{{1,3}})(?=点|时)")
_PERCENT = re.compile(rf"百分之([\d.{NUMERALS}]+)")
_NUMBER = re.compile(rf"(\d+(?:\.\d+)?[{NUMERALS}]*\d*|[{NUMERALS}]+)\s*({_UNIT})?", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?:周|星期|礼拜)[一二三四五六日天]")
_HALVES = {
    "半价": "5折",
    "一半": "50%",
    "半个月": "15天",
    "半年": "6个月",
    "半个小时": "30分钟",
    "半小时": "30分钟",
}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def figures(text: str) -> frozenset[Figure]:
    """Return every figure of ``text``, each once."""
    text = _plain(text)
    found: set[Figure] = set()
    for phone in _PHONE.findall(text):
        found.add(Figure(phone.replace("-", "")))
    text = _PHONE.sub(" ", text)
    for number in _NUMBER.finditer(text):
        written, unit = number[1], UNITS.get((number[2] or "").lower(), "")
        if _is_word(text, number, unit):
            continue
        if (value := number_of(written)) is not None:
            if unit == "折" and value >= 10:
                value /= 10  # 九五折
            found.add(Figure(_shown(value), unit))
    return frozenset(found)


def unsupported(claimed: Iterable[Figure], known: Iterable[Figure]) -> list[Figure]:
    """Return the claimed figures that ``known`` does not have; a missing unit fits every unit.

    One of something is never missed: 每月 and 1个月 are the same.
    """
    pairs = set(known)
    values = {figure.value for figure in pairs}
    bare = {figure.value for figure in pairs if not figure.unit}
    return sorted(
        figure
        for figure in set(claimed)
        if figure.value != "1"
        and figure not in pairs
        and figure.value not in bare
        and not (not figure.unit and figure.value in values)
    )


def number_of(written: str) -> Decimal | None:
    """Return the value of digits, numerals or both (1.68万, 一千二, 二零一六); None: no number."""
    if written.replace(".", "", 1).isdigit():
        return Decimal(written)
    if all(char in DIGITS for char in written):
        return Decimal("".join(str(DIGITS[char]) for char in written))
    total, part, last, scale = Decimal(0), Decimal(0), Decimal(0), 1
    for token in re.findall(r"\d+(?:\.\d+)?|.", written):
        if token in SCALES:
            if (scale := SCALES[token]) >= 10_000:
                total, part = total + (part + last or Decimal(1)) * scale, Decimal(0)
            else:
                part += (last or Decimal(1)) * scale
            last = Decimal(0)
        elif token in DIGITS:
            last, scale = Decimal(DIGITS[token]), 1 if token in "零〇" else scale
        elif token[0].isdigit():
            last, scale = Decimal(token), 1
        else:
            return None
    # 一千二 is 1200, 一千零二 is 1002, 十二 is 12.
    return total + part + last * (scale // 10 if scale >= 100 else 1)


def _plain(text: str) -> str:
    """Return the text in one width and case, with what is said in other words brought to one form."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _THOUSANDS.sub("", text)
    text = _DATE.sub(r"\1年\2月\3日", text)
    text = _CLOCK.sub(lambda m: f"{int(m[1])}点" + (f"{int(m[2])}分" if int(m[2]) else ""), text)
    text = _PERCENT.sub(r"\1%", text)
    text = (
        text.replace("半价", "5折").replace("一半", "50%").replace("半个月", "15天").replace("半年", "6个月")
    )
    text = text.replace("半小时", "30分钟").replace("半个小时", "30分钟")
    text = _HALF_PAST.sub("30分", text)
    text = _LATER.sub(_of_24, text)
    return _WEEKDAY.sub(" ", text)


def _of_24(match: re.Match[str]) -> str:
    value = number_of(match[2])
    return f"{match[1]}{int(value) + 12}" if value is not None and value < 12 else match[0]


def _is_word(text: str, number: re.Match[str], unit: str) -> bool:
    """Whether numerals are part of a word (一下, 统一, 万一), not a number that says something."""
    written = number[1]
    if any(char.isdigit() for char in written):
        return False
    if not unit:
        return len(written) < 3 or not any(char in DIGITS for char in written)
    alone = len(written) == 1
    before = text[number.start() - 1] if number.start() else ""
    return alone and (written in "一十百千万亿零" or before == "第")


def _shown(value: Decimal) -> str:
    return f"{value.normalize():f}"
