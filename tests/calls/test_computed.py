"""The time, the day, and whether it is open now are computed, and never guessed."""

from __future__ import annotations

from datetime import datetime

import pytest

from aiker.calls.computed import clock_answer, day_spoken_of, open_now

FRIDAY = datetime(2026, 1, 2, 15, 5)
SUNDAY = datetime(2026, 1, 4, 15, 5)
WEEK = "门店前台周一到周五9点到18点营业。"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("现在几点了", "现在是15点05分。"),
        ("请问现在是什么时间啊？", "现在是15点05分。"),
        ("今天星期几来着", "今天是1月2日，周五。"),
        ("明天是周几", "明天是1月3日，周六。"),
        ("今天几号", "今天是1月2日，周五。"),
        ("你们几点开门", ""),
        ("今天星期几有活动", ""),
    ],
)
def test_the_clock_answers_what_only_it_knows(question: str, answer: str) -> None:
    assert clock_answer(question, FRIDAY) == answer


def test_the_day_that_a_question_speaks_of_is_said() -> None:
    assert day_spoken_of("明天几点开门", FRIDAY) == "明天是周六。"
    assert day_spoken_of("现在上班吗", FRIDAY) == "今天是周五。"
    assert day_spoken_of("周六几点开门", FRIDAY) == ""


@pytest.mark.parametrize(
    ("now", "hours", "said"),
    [
        (FRIDAY, WEEK, "现在是周五15点05分，在这个时间内。"),
        (FRIDAY.replace(hour=8), WEEK, "现在是周五8点05分，还没到时间。"),
        (FRIDAY.replace(hour=18, minute=0), WEEK, "现在是周五18点整，已经过了时间。"),
        (SUNDAY, WEEK, ""),  # the hours of other days say nothing of this one
        (FRIDAY, "上午9点到12点，下午13点到18点。", ""),  # two ranges: the caller hears them
    ],
)
def test_whether_it_is_open_now(now: datetime, hours: str, said: str) -> None:
    assert open_now("现在上班吗", hours, now) == said
