"""How often an answer is begun before the turn is over."""

from __future__ import annotations

import os

import pytest

from aiker.calls.speculation import Speculation, load_per_core


def test_two_runs_a_turn_are_all() -> None:
    speculation = Speculation(load_limit=3, load=lambda: 0.5)
    assert [speculation.begin() for _ in range(4)] == [True, True, False, False]
    assert speculation.runs == 2
    speculation.end_turn()
    assert (speculation.runs, speculation.begin()) == (0, True)


@pytest.mark.parametrize(("load", "begins"), [(3.0, True), (3.01, False)])
def test_a_machine_over_its_limit_begins_nothing(load: float, begins: bool) -> None:
    speculation = Speculation(load_limit=3, load=lambda: load)
    assert (speculation.begin(), speculation.runs) == (begins, int(begins))


def test_the_load_is_counted_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (6.0, 1.0, 1.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    assert load_per_core() == 3.0
