"""What the bench of pauses and numbers makes of what was heard."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.end_of_turn import Pause
from bench.paused_speech import (
    NUMBERS,
    UTTERANCES,
    Observed,
    figures_of_numbers,
    figures_of_pauses,
    lines_of_numbers,
    lines_of_pauses,
    outcome_of,
)

ASKED = "请问您的手机号是多少？"


def number(heard: str, asked: str = ASKED) -> Observed:
    given = {"digits": "13800138000", "kind": "mobile", "asked": asked, "say": ["一三八零零一三八零零零"]}
    return Observed(given, (Pause(3000, math.inf, heard, 0.9),))


def paused(lasts_ms: float, heard: str = "你们几点开门？") -> Observed:
    given = {"kind": "filler", "say": ["你们几点", "关门"]}
    return Observed(given, (Pause(1000, lasts_ms, heard, 0.95), Pause(3000, math.inf, heard, 0.95)))


@pytest.mark.parametrize(
    ("turn", "outcome"),
    [
        (number("13800138000"), "exact"),
        (number("要三八零零一三八零零零"), "exact"),
        (number("13900138000"), "wrong"),
        (number("1380013800"), "asked again"),
        (number(""), "nothing heard"),
        (number("会议室多少钱", asked=""), "unconfirmed"),
    ],
)
def test_a_number_has_one_outcome(turn: Observed, outcome: str) -> None:
    assert outcome_of(turn) == outcome


def test_the_figures_count_each_outcome() -> None:
    turns = [number("13800138000"), number("13900138000"), number("13900138000")]
    values = {metric.name: metric.value for metric in figures_of_numbers(turns)}
    assert values["numbers: exact"] == pytest.approx(100 / 3)
    assert values["numbers: wrong, and read back"] == 2
    assert len(list(lines_of_numbers(turns))) == 2


@pytest.mark.parametrize(("lasts_ms", "ended", "into"), [(300, 0, 0), (800, 100, 0), (2500, 100, 100)])
def test_a_turn_is_spoken_into_when_its_caller_hears_an_answer_first(
    lasts_ms: float, ended: float, into: float
) -> None:
    turn = paused(lasts_ms)
    assert [metric.value for metric in figures_of_pauses([turn])] == [ended, into]
    assert [line.startswith("SPOKEN INTO") for line in lines_of_pauses([turn])] == [bool(into)] * bool(ended)


@pytest.mark.parametrize("name", ["development", "held_out"])
def test_the_sets_are_large_enough_and_whole(name: str) -> None:
    assert len(UTTERANCES[name]) >= 100
    assert len(NUMBERS[name]) >= 40
    every: list[dict[str, Any]] = [*UTTERANCES[name], *NUMBERS[name]]
    assert all(len(turn["pauses_ms"]) == len(turn["say"]) - 1 for turn in every)
    said = [tuple(turn["say"]) for one in UTTERANCES.values() for turn in one]
    assert len(said) == len(set(said)), "no turn is in both sets"
