"""Numbers in Chinese numerals: as quantities and digit by digit.

::

    cardinal("2002")         # "两千零二"
    number("1299.50")        # "一千二百九十九点五零"
    digits("2026")           # "二零二六"
    code_digits("A-101")     # "A-幺零幺"
"""

from __future__ import annotations

DIGITS = "零一二三四五六七八九"
CODE_DIGITS = "零幺二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_MAX_DIGITS = 16


def digits(text: str) -> str:
    """Return ``text`` with each figure as a word, 1 as 一: years and decimals."""
    return "".join(DIGITS[int(c)] if c in "0123456789" else c for c in text)


def code_digits(text: str) -> str:
    """Return ``text`` with each figure as a word, 1 as 幺: telephone numbers, rooms and other codes."""
    return "".join(CODE_DIGITS[int(c)] if c in "0123456789" else c for c in text)


def number(text: str) -> str:
    """Return a number with or without a decimal point as it is said."""
    whole, _, decimals = text.partition(".")
    return cardinal(whole) + (f"点{digits(decimals)}" if decimals else "")


def cardinal(figure: str, *, pair: bool = True) -> str:
    """Return a whole number as it is said; with ``pair``, 2 before 百, 千, 万 and 亿 at its head is 两."""
    figure = figure.lstrip("0") or "0"
    if figure == "0":
        return "零"
    if len(figure) > _MAX_DIGITS:
        return digits(figure)
    said = _scaled(figure)
    if len(figure) % 4 == 2 and figure[0] == "1":
        said = said.removeprefix("一")  # 十二, but 一百一十二
    return f"两{said[1:]}" if pair and said[0] == "二" and said[1:2] and said[1] in "百千万亿" else said


def _scaled(figure: str) -> str:
    """Return a number without zeros before it, cut at 亿 and at 万."""
    for scale, places in (("亿", 8), ("万", 4)):
        if len(figure) > places:
            high, low = figure[:-places], figure[-places:]
            rest = low.lstrip("0")
            gap = "零" if rest and low[0] == "0" else ""
            return _scaled(high) + scale + gap + (_scaled(rest) if rest else "")
    said, skipped = "", False
    for place, digit in zip(range(len(figure) - 1, -1, -1), figure, strict=True):
        if digit == "0":
            skipped = True
            continue
        said += ("零" if skipped else "") + DIGITS[int(digit)] + _PLACES[place]
        skipped = False
    return said
