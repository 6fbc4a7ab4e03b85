"""Thousands that are set apart: 1,299元, 1，299元 and 10 000元 are one number each."""

from __future__ import annotations

import re

from engines.local.text_normalization.context import LEFT_CHARS, names_a_code

_MONEY = r"(?:\.\d+)?\s?(?:[元块万亿]|美元|港元|欧元|英镑|日元|人民币|RMB|CNY|USD|HKD|EUR)"
_COUNT = r"(?:[个人户次份件台套字条名位家张股分]|平方米|平米|公里|千米|米|吨|公斤|m²|m2|km|kg)"
_COMMA = r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])(?!室|房|号房|会议室|包间|教室)"
# A full-width comma is a pause as a rule: 199，299，399元 are three prices.
_WIDE = (
    r"(?<![\d.])(?<!\d，)(?:\d{1,2}(?:，\d{3})+|\d{3}(?:，000)+"
    rf"|(?<=¥)\d{{3}}(?:，\d{{3}})+)(?!\d|，\d)(?=\s?(?:{_MONEY}|{_COUNT})|(?<=000)|\.\d\d)"
)
_SPACE = (
    rf"(?<![\d.])(?<!\d )\d{{1,3}}(?: \d{{3}})+(?! ?\d)(?={_MONEY}|\s?{_COUNT})"
    r"|(?<=[¥$€£])\d{1,3}(?: \d{3})+(?! ?\d)"
)
_GROUPED = re.compile(f"{_COMMA}|{_WIDE}|{_SPACE}")


def ungroup(text: str) -> str:
    """Return ``text`` with such numbers in one piece; what names something stays as it is."""
    return _GROUPED.sub(_one_piece, text)


def _one_piece(match: re.Match[str]) -> str:
    left = match.string[max(0, match.start() - LEFT_CHARS) : match.start()]
    return match[0] if names_a_code(left) else re.sub("[,， ]", "", match[0])
