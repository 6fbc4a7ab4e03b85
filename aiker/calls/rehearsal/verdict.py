"""Whether a rehearsal is passed, from what was found in its answers and of its voice. Pure.

::

    verdict = decide(answers, questions=30, voice=VoiceCheck(live=0.08, draft=0.31))
    verdict.passed, verdict.reasons         # False, [Reason("voice", 1)]

It is passed when no answer is false that is not so today, every changed fact was confirmed by an operator, at
most ``ALLOWED_LOST`` of the questions are lost, and the voice is recognised as well as the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiker.calls.rehearsal.judging import Finding, Level

ALLOWED_LOST = 0.02
"""Share of the questions that a draft may lose; none of fewer than 50."""
MAX_CER_INCREASE = 0.05
"""Of the draft's voice over the live one, on the same sentences: about one character in twenty."""


class Judged(Protocol):
    @property
    def question_id(self) -> str: ...
    @property
    def confirmed(self) -> bool: ...
    @property
    def finding_list(self) -> Sequence[Finding]: ...


class VoiceCheck(NamedTuple):
    """Character error rates (0..1) of recognised speech, over the telephone band."""

    live: float
    draft: float

    @property
    def is_worse(self) -> bool:
        return self.draft > self.live + MAX_CER_INCREASE


class Reason(NamedTuple):
    """Why a rehearsal is not passed: ``code`` is ``empty``, a level or ``voice``; of how many questions."""

    code: str
    questions: int


@dataclass(frozen=True, slots=True)
class Verdict:
    reasons: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons


def decide(answers: Iterable[Judged], questions: int, voice: VoiceCheck | None = None) -> Verdict:
    """Return the verdict; ``questions`` is how many different ones were asked."""
    bad: dict[Level, set[str]] = {level: set() for level in Level}
    for answer in answers:
        for level in failing(answer.finding_list, confirmed=answer.confirmed):
            bad[level].add(answer.question_id)
    reasons = [] if questions or voice else [Reason("empty", 0)]
    for level, ids in bad.items():
        if len(ids) > (ALLOWED_LOST * questions if level is Level.LOST else 0):
            reasons.append(Reason(level.value, len(ids)))
    if voice and voice.is_worse:
        reasons.append(Reason("voice", 1))
    return Verdict(tuple(reasons))


def failing(findings: Sequence[Finding], *, confirmed: bool) -> set[Level]:
    """Return the levels of an answer that count against the draft."""
    levels = {finding.level for finding in findings if not finding.already}
    return levels - {Level.CHANGED} if confirmed else levels
