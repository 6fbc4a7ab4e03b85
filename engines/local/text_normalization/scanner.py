"""Reads a text from left to right: at each place the first reader that knows what stands there says it."""

from __future__ import annotations

import re

from engines.local.text_normalization import codes, dates, money, quantities, signs, times
from engines.local.text_normalization.item import Item, Kind, Reader
from engines.local.text_normalization.numerals import cardinal, code_digits, number

# In order: what is more particular comes first.
_AT_FIGURE: tuple[Reader, ...] = (
    *codes.FIRST, *dates.FIRST, *times.READERS, *codes.READERS, *dates.READERS, *money.READERS,
    *quantities.READERS,
)  # fmt: skip
_AT_LETTER: tuple[Reader, ...] = (
    codes.address, codes.named, codes.with_no, codes.plate, signs.roman_letters, codes.v_version,
    money.with_sign_before, codes.model_from_to, *codes.LAST,
)  # fmt: skip
_AT_SIGN: tuple[Reader, ...] = (
    *codes.FIRST, codes.at, codes.service_code, codes.hash_number, money.with_sign_before, quantities.percent,
    *signs.READERS,
)  # fmt: skip
_AT_WORD: tuple[Reader, ...] = (dates.weekday, dates.numbered_weekday, dates.shopping_day)
_INTERESTING = re.compile(
    r"[0-9A-Za-z¥$€£₩฿₫₽₹+<>=≥≤≠≈~±×÷*#@/|_&√∞%‰()²³①-⑳⑴-⒛㈠-㈩㊀-㊉❶-❿➀-➓Ⅰ-ⅿ–—\u002d周星礼双]"
)
_BARE = re.compile(r"\d+(?:\.\d+)?")
# What may stand between a dash and the figure behind it: 9:00-次日2:00, 9点-晚上6点.
_LEAD = re.compile(
    rf"(?:每?(?:周|星期|礼拜)[一二三四五六日天末]|次日|第二天|当[日天]|翌日|隔天|今天|明天)?\s?(?:{times.PARTS_OF_DAY})?第?\s?"
)
_COUNTING = frozenset((Kind.NUMBER, Kind.QUANTITY, Kind.ORDINAL, Kind.MONEY, Kind.FRACTION))


def scan(text: str) -> str:
    """Return folded ``text`` as it is said; punctuation stays."""
    said: list[str] = []
    position, last = 0, None
    while position < len(text):
        if joined := _join(text, position, last):
            words, position, last = joined
            said.append(words)
            continue
        if item := read(text, position):
            said.append(item.said)
            position, last = item.end, item
            continue
        following = _INTERESTING.search(text, position + 1)
        end = following.start() if following else len(text)
        said.append(text[position:end])
        position, last = end, None
    return "".join(said)


def read(text: str, position: int, *, alone: bool = False) -> Item | None:
    """Return what stands at ``position``; ``alone``: a bare number without looking at what follows it."""
    character = text[position : position + 1]
    if character.isdecimal():
        for reader in _AT_FIGURE:
            if item := reader(text, position):
                return item
        return _bare(text, position, alone=alone)
    if character.isascii() and character.isalpha():
        readers = _AT_LETTER
    else:
        readers = _AT_WORD if character in tuple("周星礼双") else _AT_SIGN
    return next(filter(None, (reader(text, position) for reader in readers)), None)


def _bare(text: str, position: int, *, alone: bool) -> Item | None:
    """Read a number without a unit as the one behind the dash or the slash is read: 101-105室."""
    match = _BARE.match(text, position)
    if not match:
        return None
    figure, end = match[0], match.end()
    if re.match(r"0\d", figure) or text[position - 1 : position] == "_":
        return Item(code_digits(figure.replace(".", "点")), end, Kind.CODE)
    other = None if alone else _peer(text, end)
    if other and other.kind is Kind.CODE and "." not in figure and len(figure) >= 3:
        return Item(code_digits(figure), end, Kind.CODE)
    if other and other.kind in (Kind.QUANTITY, Kind.TIME) and other.pair and figure == "2":
        return Item("两", end, Kind.NUMBER)
    return Item(number(figure) if "." in figure else cardinal(figure), end, Kind.NUMBER)


# The rest of a list or a range, up to its last figure: 101、102、103室.
_LIST = re.compile(r"(?:\s?[-~—–至到/、和或]\s?(?=\d)(?:\d+(?:\.\d+)?(?=\s?[-~—–至到/、和或]\s?\d))?)+")


def _peer(text: str, position: int) -> Item | None:
    match = _LIST.match(text, position)
    return read(text, match.end(), alone=True) if match else None


def _join(text: str, position: int, last: Item | None) -> tuple[str, int, Item | None] | None:
    """Return how what stands between two things is said, where it ends, and what counts as read last."""
    if last is not None:
        if (end := signs.multiplication(text, position)) and last.kind in _COUNTING:
            return "乘", end, None
        if found := signs.dash(text, position):
            mark, end = found
            if (words := _range(text, mark, end, last)) is not None:
                return words, end, None
    if found := signs.per(text, position, last):
        return *found, Item(found[0], found[1], Kind.MONEY)  # 元/人/月
    if found := signs.more_weekdays(text, position, last):
        return *found, Item(found[0], found[1], Kind.WEEKDAY)
    if found := signs.slash(text, position, last):
        return *found, None
    return None


def _range(text: str, mark: str, end: int, last: Item) -> str | None:
    """Return 到 between two like items, a pause between others; None where no dash is meant."""
    lead = _LEAD.match(text, end)
    starts = (end, lead.end() if lead else end, end + text.startswith("-", end))  # 周五, 次日2:00, -5℃
    candidates = [read(text, start, alone=True) for start in dict.fromkeys(starts)]
    following = next(filter(None, candidates), None)
    like = any(item is not None and _alike(last, item) for item in candidates)
    if mark in ("至", "到"):
        return mark if like else None
    if like:
        return "到"
    if last.kind is Kind.WEEKDAY and text[end : end + 1] in tuple("一二三四五六日天末"):
        return "到"
    if (
        last.kind is Kind.WORD
        and like is False
        and following
        and re.search(r"\d\s?[A-Za-z]{1,3}\s?-?$", text[:end])
    ):
        return "到"  # 10k-15k
    if last.kind is Kind.WORD or (
        following is None and not re.match(r"[\u4e00-\u9fff]", text[end : end + 1])
    ):
        return None
    return "，"


def _alike(first: Item, second: Item) -> bool:
    if first.kind is second.kind:
        return first.kind not in (Kind.WORD, Kind.SIGN)
    kinds = {first.kind, second.kind}
    if Kind.NUMBER in kinds:
        return not kinds & {Kind.WORD, Kind.SIGN, Kind.WEEKDAY}
    return kinds <= _COUNTING or kinds == {Kind.DATE, Kind.TIME}
