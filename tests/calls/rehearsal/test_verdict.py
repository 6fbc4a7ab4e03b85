"""What passes a rehearsal, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiker.calls.rehearsal.judging import Finding, Level
from aiker.calls.rehearsal.verdict import Reason, VoiceCheck, decide

FALSE, CHANGED, LOST = (Finding(level, "x") for level in Level)


@dataclass
class Answer:
    question_id: str
    finding_list: Sequence[Finding] = field(default_factory=list)
    confirmed: bool = False


def test_a_false_answer_fails_whatever_is_confirmed() -> None:
    assert decide([Answer("a", [FALSE], confirmed=True)], 100).reasons == (Reason("false", 1),)
    already = Finding(Level.FALSE, "x", already=True)
    assert decide([Answer("a", [already])], 1).passed


def test_changed_facts_pass_once_they_are_confirmed() -> None:
    assert decide([Answer("a", [CHANGED]), Answer("a", [CHANGED])], 10).reasons == (Reason("changed", 1),)
    assert decide([Answer("a", [CHANGED], confirmed=True)], 10).passed


def test_two_of_a_hundred_questions_may_be_lost() -> None:
    lost = [Answer(name, [LOST]) for name in "aab"]
    assert decide(lost, 100).passed
    assert decide(lost, 99).reasons == (Reason("lost", 2),)


def test_a_voice_fails_when_it_is_clearly_worse() -> None:
    assert decide([], 0, VoiceCheck(0.10, 0.14)).passed
    assert decide([], 0, VoiceCheck(0.10, 0.16)).reasons == (Reason("voice", 1),)


def test_nothing_asked_is_not_passed() -> None:
    assert decide([], 0).reasons == (Reason("empty", 0),)
