"""The tables of a truth bench."""

from __future__ import annotations

import pytest

from bench.truth_grading import Question, Verdict
from bench.truth_report import Graded, disputed, listed, metrics, table, wilson


def graded(decision: str, kind: str = "plain", *, helpful: bool = False, dispute: str = "") -> Graded:
    question = Question(f"{kind}-{decision}", kind, "月卡能退吗", "answer")
    return Graded(question, "可以", Verdict(decision, "a rule", helpful, dispute), "model")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hits", "among", "low", "high"), [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)]
)
def test_wilson_intervals(hits: int, among: int, low: float, high: float) -> None:
    assert wilson(hits, among) == pytest.approx((low, high), abs=0.001)


def test_nothing_asked_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_each_kind_has_a_line_and_the_last_is_all() -> None:
    lines = table([graded("false"), graded("right", "two", helpful=True)]).splitlines()
    assert [line.split()[0] for line in lines] == ["kind", "plain", "two", "all"]
    assert lines[-1].split()[1:4] == ["2", "1", "50.0"]


def test_figures_are_shares_of_all_with_their_targets() -> None:
    found = {m.name: m for m in metrics([graded("false"), *[graded("right", helpful=True)] * 3], "spoken")}
    assert found["spoken false"].value == 25.0
    assert found["spoken helpful"].value == 75.0
    assert [m.met for m in found.values()] == [False, True, None, False]


def test_lists_have_what_was_said_and_why() -> None:
    items = [graded("false"), graded("beside", dispute="reworded?"), graded("right", helpful=True)]
    assert listed(items, "false") == "plain-false | 月卡能退吗 | 可以 | model | false: a rule"
    assert disputed(items).endswith("beside: a rule [reworded?]")
