from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import Metric, Result, machine, markdown, p90

MACHINE = {"cpu": "Any CPU", "cores": 2, "load": 0.5}


def result(*metrics: Metric, cpu: str = "Any CPU") -> Result:
    return Result("call", metrics, "2026-11-23T04:00:00+00:00", MACHINE | {"cpu": cpu})


@pytest.mark.parametrize(
    ("metric", "met"),
    [
        (Metric("median", 1500, "ms", 1500), True),
        (Metric("median", 1501, "ms", 1500), False),
        (Metric("answered", 30, "of 30", 30, "higher"), True),
        (Metric("answered", 29, "of 30", 30, "higher"), False),
        (Metric("fastest", 900, "ms"), None),
    ],
)
def test_a_target_is_met_at_its_very_value(metric: Metric, met: bool | None) -> None:
    assert metric.met is met


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    saved = result(Metric("median", 1620.5, "ms", 1500), Metric("answered", 30, "of 30", None, "higher"))
    saved.save(tmp_path / "results")
    assert Result.load("call", tmp_path / "results") == saved


def test_a_bench_without_a_committed_result_has_none(tmp_path: Path) -> None:
    assert Result.load("call", tmp_path) is None


def test_the_table_shows_targets_and_the_ratio_to_the_committed_result() -> None:
    now = result(Metric("median", 1200, "ms", 1500), Metric("answered", 29, "of 30", 30, "higher"))
    table = markdown(now, result(Metric("median", 1500, "ms")))
    assert "| median | 1200 ms | ≤ 1500 | met | 1500 | 0.80 |" in table
    assert "| answered | 29 of 30 | ≥ 30 | missed |  |  |" in table
    assert "another machine" not in table


def test_a_result_of_another_machine_is_said_to_be_one() -> None:
    assert "from another machine: Older CPU" in markdown(result(), result(cpu="Older CPU"))


def test_figures_of_another_unit_are_not_compared() -> None:
    table = markdown(result(Metric("median", 1.2, "s")), result(Metric("median", 1200, "ms")))
    assert "| median | 1.2 s |  |  |  |  |" in table


def test_nothing_is_divided_by_a_committed_zero() -> None:
    table = markdown(result(Metric("unanswered", 1, "of 8")), result(Metric("unanswered", 0, "of 8")))
    assert "| unanswered | 1 of 8 |  |  | 0 |  |" in table


def test_the_machine_is_named() -> None:
    assert machine()["cores"] >= 1
    assert machine()["load"] >= 0


def test_a_tenth_of_the_values_exceed_the_p90() -> None:
    assert p90([*range(20, 0, -1)]) == 19
    assert p90([7]) == 7
