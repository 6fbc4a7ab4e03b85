"""Figures are the same however they are written."""

from __future__ import annotations

import pytest

from aiker.calls.rehearsal.figures import Figure, figures, number_of, unsupported


def shown(text: str) -> set[str]:
    return {str(figure) for figure in figures(text)}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.68万", 16800),
        ("1万6800", 16800),
        ("一万六千八", 16800),
        ("两万四", 24000),
        ("一千零二", 1002),
        ("一百二", 120),
        ("一百二十", 120),
        ("十二", 12),
        ("二零一六", 2016),
        ("三千万", 30_000_000),
    ],
)
def test_a_number_is_read(written: str, value: int) -> None:
    assert number_of(written) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("日卡八十块", {"80元"}),
        ("打九五折，或者半价", {"9.5折", "5折"}),
        ("9:30到下午6点", {"9点", "30分", "18点"}),
        ("热线400-000-5100", {"4000005100"}),
        ("每天加收0.1%，超过15天", {"0.1%", "15天"}),
        ("百分之六", {"6%"}),
        ("1,200元", {"1200元"}),
        ("2026-06-30前", {"2026年", "6月", "30日"}),
        ("统一安排一下，周三第一个到", set()),
        ("五家店都有，十分方便", {"5家"}),
    ],
)
def test_figures_of_a_text(text: str, expected: set[str]) -> None:
    assert shown(text) == expected


def test_what_is_not_supported() -> None:
    known = figures("日卡80元一天，最多3个月")
    assert unsupported(figures("日卡八十块，每天都行，3个月"), known) == []
    assert unsupported(figures("日卡90元，3天"), known) == [Figure("3", "天"), Figure("90", "元")]
    assert unsupported(figures("80"), known) == []  # without a unit it may be the price
