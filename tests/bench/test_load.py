"""What the load and soak benches make of what they saw: lateness, slopes."""

from __future__ import annotations

import numpy as np
import pytest

from bench.light_callers import lateness
from bench.soak import regression

LEAD = 6  # frames that are sent ahead at once, besides the first


def reply(frames: int, began: float = 0.0) -> list[float]:
    """When the frames of a reply come that is on time."""
    return [began + max(0.0, (index - LEAD) * 0.02) for index in range(frames)]


def test_a_reply_on_time_is_not_late() -> None:
    assert lateness(reply(100)) == pytest.approx([0.0] * 100)


def test_a_frame_that_waited_is_late_by_that_and_the_others_are_not() -> None:
    arrivals = reply(100)
    arrivals[50] += 0.015
    assert np.flatnonzero(np.array(lateness(arrivals)) > 1) == [50]
    assert lateness(arrivals)[50] == pytest.approx(15)


def test_first_frames_that_waited_count_too() -> None:
    """When the reply began is told by the frame that travelled fastest, not by the first."""
    late = lateness([max(at, 0.03) for at in reply(100)])
    assert late[: LEAD + 3] == pytest.approx([30.0] * (LEAD + 1) + [10.0, 0.0])


def test_a_pause_begins_another_reply() -> None:
    assert lateness(reply(50) + reply(50, began=7.3)) == pytest.approx([0.0] * 100, abs=1e-6)


def test_a_reply_that_is_held_up_for_good_is_late_from_there_on() -> None:
    arrivals = [at + (0.1 if index >= 40 else 0) for index, at in enumerate(reply(80))]
    late = lateness(arrivals)
    assert late[:40] == pytest.approx([0.0] * 40)
    assert late[40:] == pytest.approx([100.0] * 40)


def test_a_slope_is_found_and_noise_is_none() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 180)
    hours = [n / 360 for n in range(180)]
    steep, half = regression(hours, [100 + 24 * x + y for x, y in zip(hours, noise, strict=True)])
    assert abs(steep - 24) < half < 3
    flat, half = regression(hours, list(100 + noise))
    assert abs(flat) < half


def test_a_slope_of_values_that_hang_together_is_less_certain() -> None:
    steps = np.random.default_rng(4).normal(0, 1, 180)
    hours = [n / 360 for n in range(180)]
    _, apart = regression(hours, list(steps))
    _, together = regression(hours, list(np.repeat(steps[:18], 10)))
    assert together > 2 * apart
