"""What the page of a rehearsal shows. Reads the database, changes nothing.

::

    page = page_of(rehearsal, may_see_calls=True)
    page["changed"][0].findings        # answers that change, the worst first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from aiker.calls.models import Assistant
from aiker.calls.rehearsal.drafts import with_changes
from aiker.calls.rehearsal.examiners import CALLERS, EXAMINERS
from aiker.calls.rehearsal.judging import Finding, Level
from aiker.calls.rehearsal.labels import LEVELS, finding_text, reason_text
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer

WORST_UNCHANGED = 4  # ranks from here on: nothing that the draft changes
COLOURS = {Level.FALSE: "kb-bad", Level.LOST: "kb-bad", Level.CHANGED: "kb-late"}
CALLER_NAMES = {caller.key: caller.label for caller in CALLERS} | {
    examiner.caller.key: examiner.caller.label for examiner in EXAMINERS
}


@dataclass(frozen=True, slots=True)
class FindingShown:
    label: Any
    text: str
    colour: str
    already: bool


@dataclass(frozen=True, slots=True)
class AnswerShown:
    answer: RehearsalAnswer
    caller: Any
    findings: Sequence[FindingShown]
    sound: bool  # whether what was kept of it may be heard


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """A field of the assistant, as it is and as it would be."""

    label: str
    before: str
    after: str


def page_of(rehearsal: Rehearsal, *, may_see_calls: bool) -> dict[str, Any]:
    """Return what the template shows; turns of past calls only to those who may see calls."""
    answers = list(rehearsal.answers.select_related("golden_question", "confirmed_by"))
    seen = [a for a in answers if may_see_calls or a.kind != RehearsalAnswer.Kind.PAST_TURN]
    shown = [answer_shown(answer) for answer in seen]
    voice = [item for item in shown if item.answer.kind == RehearsalAnswer.Kind.VOICE]
    others = [item for item in shown if item.answer.kind != RehearsalAnswer.Kind.VOICE]
    return {
        "changed": [item for item in others if item.answer.rank < WORST_UNCHANGED],
        "wrong_already": [item for item in others if item.answer.rank == WORST_UNCHANGED],
        "same": [item for item in others if item.answer.rank > WORST_UNCHANGED],
        "voice": voice,
        "hidden": len(answers) - len(seen),
        "done": len(answers),
        "reasons": [reason_text(reason, rehearsal.figures) for reason in rehearsal.reasons],
        "changes": changes_shown(rehearsal),
    }


def answer_shown(answer: RehearsalAnswer) -> AnswerShown:
    findings = [finding_shown(finding) for finding in answer.finding_list]
    return AnswerShown(answer, CALLER_NAMES.get(answer.caller, ""), findings, bool(answer.audio_files))


def finding_shown(finding: Finding) -> FindingShown:
    colour = "" if finding.already else COLOURS[finding.level]
    return FindingShown(LEVELS[finding.level], finding_text(finding), colour, finding.already)


def changes_shown(rehearsal: Rehearsal) -> list[ChangeShown]:
    """Return the draft's fields beside the assistant's; rows by their names."""
    assistant, changed = rehearsal.assistant, with_changes(rehearsal.assistant, rehearsal.changes)
    return [
        ChangeShown(
            str(Assistant._meta.get_field(name).verbose_name),  # type: ignore[union-attr]
            str(getattr(assistant, name) or _("none")),
            str(getattr(changed, name) or _("none")),
        )
        for name in rehearsal.changes
    ]
