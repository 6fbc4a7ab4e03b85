"""Which calls a draft serves: the same answer each time, the share that was asked for, the numbers named."""

from __future__ import annotations

from uuid import UUID

import pytest

from knowledge.canary.assignment import PatternError, Rule, normalised, patterns_from

CALLS = [str(UUID(int=number)) for number in range(10_000)]


@pytest.mark.parametrize("share", [1, 10, 50])
def test_the_share_is_served_and_a_call_is_always_assigned_the_same(share: int) -> None:
    rule = Rule("canary-1", share)
    served = [call for call in CALLS if rule.serves(call, "")]
    assert len(served) / len(CALLS) == pytest.approx(share / 100, abs=0.015)
    assert served == [call for call in CALLS if Rule("canary-1", share).serves(call, "13800000000")]


def test_none_and_all() -> None:
    assert not any(Rule("canary-1", 0).serves(call, "") for call in CALLS)
    assert all(Rule("canary-1", 100).serves(call, "") for call in CALLS)


def test_another_canary_is_served_other_calls() -> None:
    one, other = Rule("canary-1", 50), Rule("canary-2", 50)
    both = sum(one.serves(call, "") and other.serves(call, "") for call in CALLS)
    assert both / len(CALLS) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("pattern", "caller", "matches"),
    [
        ("138*", "13812345678", True),
        ("138*", "+86 138-1234-5678", True),
        ("138*", "008613812345678", True),
        ("138*", "13912345678", False),
        ("1381234567?", "13812345678", True),
        ("1381234567?", "138123456789", False),
        ("*5678", "13812345678", True),
        ("010????8888", "(010) 1234 8888", True),
        ("*", "", False),
    ],
)
def test_callers_by_their_number(pattern: str, caller: str, matches: bool) -> None:
    assert Rule("canary-1", 0, (pattern,)).serves(CALLS[0], caller) is matches


def test_patterns_are_read_from_lines_and_lists() -> None:
    assert patterns_from("138*\n +86 139* ，010-8888????\n\n138*") == ["138*", "139*", "0108888????"]
    assert patterns_from(" ") == []


@pytest.mark.parametrize("text", ["anna", "138[0-9]", "138*; drop"])
def test_what_is_no_pattern_is_named(text: str) -> None:
    with pytest.raises(PatternError):
        patterns_from(text)


def test_numbers_are_compared_without_separators() -> None:
    assert normalised("+86 (138) 0000-0000") == "13800000000"
