"""Amounts of money, with the sign or the code of a currency before or behind."""

from __future__ import annotations

import re

from engines.local.text_normalization.item import Kind, Match, Reader, reader
from engines.local.text_normalization.numerals import number

_SIGNS = {
    "HK$": "港元", "NT$": "新台币", "US$": "美元", "S$": "新加坡元", "A$": "澳元", "AU$": "澳元",
    "C$": "加元",
    "CA$": "加元", "NZ$": "新西兰元", "MOP$": "澳门元", "JP¥": "日元", "CN¥": "元", "RM": "林吉特", "¥": "元",
    "$": "美元", "€": "欧元", "£": "英镑", "₩": "韩元", "฿": "泰铢", "₫": "越南盾", "₽": "卢布", "₹": "卢比",
}  # fmt: skip
CODES = {
    "RMB": "元", "CNY": "元", "CNH": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑",
    "JPY": "日元", "HKD": "港元",
    "TWD": "新台币", "NTD": "新台币", "KRW": "韩元", "SGD": "新加坡元", "AUD": "澳元",
    "CAD": "加元", "CHF": "瑞士法郎",
    "THB": "泰铢", "MOP": "澳门元", "NZD": "新西兰元", "MYR": "林吉特", "VND": "越南盾",
    "RUB": "卢布", "INR": "卢比",
}  # fmt: skip
_BEFORE = "|".join(map(re.escape, sorted(_SIGNS | CODES, key=len, reverse=True)))
_BEHIND = "|".join(map(re.escape, [*sorted(CODES, key=len, reverse=True), "€", "£", "¥", "$"]))
_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = r"\s?[-~—–至到]+\s?"
# What the writer may add to a sign: ¥100元, $20美元.
_ALSO = r"(?:\s?(?:元|块钱?|人民币|美元|美金|港元|港币|欧元|英镑|日元))?"


def plain(figure: str) -> str:
    """Drop the zeros after the point that only a price tag needs."""
    return figure.rstrip("0").rstrip(".") if "." in figure else figure


_LETTER_SCALES = {"k": "千", "K": "千", "w": "万", "W": "万", "M": "百万"}


def _said(figure: str) -> str:
    return "两" if plain(figure) == "2" else number(plain(figure))


def _amount(low: str, high: str | None) -> str:
    return f"{_said(low)}到{_said(high)}" if high else _said(low)


@reader(
    rf"(?P<minus>-)?(?P<currency>{_BEFORE})\s?(?P<sign>-)?(?P<low>{_NUMBER})(?P<scale>[kKwWM](?![A-Za-z])|[万亿千百]*)"
    rf"(?:{_RANGE}(?:{_BEFORE})?\s?(?P<high>{_NUMBER}))?(?P<more>[万亿千百]*)"
    rf"(?:\s?(?P<about>多|余|几)(?=[万亿千元块]))?{_ALSO}",
    Kind.MONEY,
)
def with_sign_before(match: Match) -> str | None:
    low, high = match["low"], match["high"]
    currency = (_SIGNS | CODES)[match["currency"]]
    minus = "负" if match["minus"] or match["sign"] else ""
    scale = _LETTER_SCALES.get(match["scale"], match["scale"])
    if high and scale:
        return f"{minus}{_said(low)}{scale}到{_said(high)}{match['more']}{currency}"
    return f"{minus}{_amount(low, high)}{scale}{match['more']}{match['about'] or ''}{currency}"


@reader(rf"({_NUMBER})([万亿千百]*)\s?({_BEHIND})(?![A-Za-z])", Kind.MONEY)
def with_sign_behind(match: Match) -> str | None:
    return f"{_said(match[1])}{match[2]}{(CODES | _SIGNS)[match[3]]}"


READERS: tuple[Reader, ...] = (with_sign_before, with_sign_behind)
