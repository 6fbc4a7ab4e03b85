"""When alarms open and close, on a scripted clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.objectives import CALM, Demand, Measured, OpenAlarm, decide, percentile

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TOTAL = Demand(1, "total", "", 2000, 3)
STT = Demand(2, "stt", "", 500, 3, part_of="total")
OF_ANNA = Demand(3, "stt", "assistant:anna", 500, 3, part_of="total")
GPU = Demand(4, "gpu_memory_mb", "", 16384, 1)
ALL = [TOTAL, STT, OF_ANNA, GPU]


@given(st.lists(st.integers(0, 100), min_size=1), st.integers(1, 100))
def test_so_many_per_cent_do_not_exceed_the_percentile(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert found is not None
    assert sum(value <= found for value in values) >= percent / 100 * len(values)
    assert sum(value < found for value in values) < percent / 100 * len(values)


def test_a_missed_target_opens_one_alarm() -> None:
    measured = {1: Measured(2100, 5)}
    assert decide(ALL, measured, [], NOW).open == [1]
    again = decide(ALL, measured, [OpenAlarm(9, 1)], NOW)
    assert (again.open, again.update) == ([], [9])


@pytest.mark.parametrize("measured", [Measured(None, 0), Measured(9000, 2), Measured(2000, 9)])
def test_no_alarm_without_enough_values_or_at_the_threshold(measured: Measured) -> None:
    assert decide(ALL, {1: measured}, [], NOW).open == []


def test_one_cause_is_one_alarm() -> None:
    measured = {1: Measured(2500, 9), 2: Measured(900, 9), 3: Measured(900, 9), 4: Measured(1000, 1)}
    plan = decide(ALL, measured, [], NOW)
    assert (plan.open, plan.consequences) == ([2], {2: [1, 3]})


def test_two_causes_are_two_alarms() -> None:
    plan = decide(ALL, {2: Measured(900, 9), 4: Measured(17000, 1)}, [], NOW)
    assert plan.open == [2, 4]


def test_an_alarm_whose_cause_is_found_gives_way_to_it() -> None:
    plan = decide(ALL, {1: Measured(2500, 9), 2: Measured(900, 9)}, [OpenAlarm(9, 1)], NOW)
    assert (plan.open, plan.resolve) == ([2], [9])


def test_it_resolves_when_the_target_was_met_for_a_while() -> None:
    met = {1: Measured(1500, 5)}
    assert decide(ALL, met, [OpenAlarm(9, 1)], NOW).met == [9]
    soon = decide(ALL, met, [OpenAlarm(9, 1, NOW - timedelta(seconds=5))], NOW)
    assert (soon.met, soon.resolve, soon.open) == ([], [], [])
    later = decide(ALL, met, [OpenAlarm(9, 1, NOW - timedelta(seconds=10))], NOW)
    assert later.resolve == [9]


def test_a_value_to_and_fro_stays_one_alarm() -> None:
    plan = decide(ALL, {1: Measured(2100, 5)}, [OpenAlarm(9, 1, NOW - timedelta(seconds=5))], NOW)
    assert (plan.update, plan.resolve, plan.open) == ([9], [], [])


def test_an_alarm_of_a_target_that_is_not_watched_any_more_resolves() -> None:
    plan = decide([GPU], {}, [OpenAlarm(9, 1)], NOW)
    assert (plan.lapse, plan.resolve) == ([9], [])


@pytest.mark.parametrize("measured", [{}, {1: Measured(None, 0)}, {1: Measured(1500, 2)}])
def test_a_target_that_is_not_measured_any_more_is_not_met(measured: dict[int, Measured]) -> None:
    assert decide(ALL, measured, [OpenAlarm(9, 1)], NOW).met == [9]
    plan = decide(ALL, measured, [OpenAlarm(9, 1, NOW - timedelta(seconds=10))], NOW)
    assert (plan.lapse, plan.resolve) == ([9], [])


def test_a_cause_that_hovers_goes_on_telling_its_consequence() -> None:
    """Recognition is over its target every other half minute, the whole always."""
    opened, met_since = [], None
    alarms: list[OpenAlarm] = []
    for second in range(0, 1200, 5):
        now = NOW + timedelta(seconds=second)
        stt = 520 if second // 30 % 2 == 0 else 490
        plan = decide(ALL, {1: Measured(2500, 9), 2: Measured(stt, 9)}, alarms, now)
        opened += plan.open
        assert (plan.resolve, plan.lapse, plan.consequences) == ([], [], {2: [1]})
        met_since = now if plan.met else None if plan.update else met_since
        alarms = [OpenAlarm(9, 2, met_since)]
    assert opened == [2]


def test_a_cause_that_is_gone_for_good_gives_way_to_what_is_still_missed() -> None:
    measured = {1: Measured(2500, 9), 2: Measured(300, 9)}
    soon = decide(ALL, measured, [OpenAlarm(9, 2, NOW - CALM + timedelta(seconds=1))], NOW)
    assert (soon.open, soon.resolve) == ([], [])
    assert decide(ALL, measured, [OpenAlarm(9, 2, NOW - CALM)], NOW).resolve == [9]
    assert decide(ALL, measured, [], NOW).open == [1]


def test_what_is_missed_now_explains_before_what_was() -> None:
    token = Demand(5, "llm_first_token", "", 1000, 3, part_of="total")
    measured = {1: Measured(2500, 9), 2: Measured(300, 9), 5: Measured(1500, 9)}
    plan = decide([*ALL, token], measured, [OpenAlarm(9, 2)], NOW)
    assert (plan.open, plan.consequences) == ([5], {5: [1]})
