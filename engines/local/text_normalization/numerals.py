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
_SCALES = ("", "万", "亿", "万亿")
_MAX_DIGITS = 4 * len(_SCALES)


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
    said, gap = "", False
    for scale in range((len(figure) - 1) // 4, -1, -1):
        group = figure[max(0, len(figure) - 4 * scale - 4) : len(figure) - 4 * scale]
        if not group.strip("0"):
            gap = bool(said)
            continue
        if said and (gap or group[0] == "0"):
            said += "零"
        said += _up_to_9999(group.lstrip("0"), head=not said) + _SCALES[scale]
        gap = False
    return f"两{said[1:]}" if pair and said[0] == "二" and said[1:2] and said[1] in "百千万亿" else said


def _up_to_9999(group: str, *, head: bool) -> str:
    if head and len(group) == 2 and group[0] == "1":
        return "十" + (DIGITS[int(group[1])] if group[1] != "0" else "")
    said, gap = "", False
    for place, figure in zip(range(len(group) - 1, -1, -1), group, strict=True):
        if figure == "0":
            gap = True
            continue
        said += ("零" if gap else "") + DIGITS[int(figure)] + _PLACES[place]
        gap = False
    return said
