"""Golden questions of a file, stored in a base.

::

    report = store_golden(base, read_golden(path))
    report.added, report.changed, report.unchanged, report.unknown    # unknown: {"the question": ["a-key"]}

A question is found again by its text and the question before it, so that a file can be loaded again. What
operators wrote beside the file stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from knowledge.golden_file import FollowUp, GoldenFile, Question
from knowledge.models import GoldenQuestion, KnowledgeBase

FOLLOW_UP = "follow_up"


@dataclass(slots=True)
class GoldenReport:
    """What a load did; ``unknown`` are expected keys that no document of the base has, by question."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    unknown: dict[str, list[str]] = field(default_factory=dict)


@transaction.atomic
def store_golden(base: KnowledgeBase, golden: GoldenFile) -> GoldenReport:
    """Add or bring up to date every question; those whose entries the base has none of are left out."""
    documents = dict(base.documents.values_list("key", "pk"))
    rows = base.golden_questions.prefetch_related("expected")
    there = {(row.before, row.question): row for row in rows}
    if golden.gate and not there:
        # Hard questions are found less often than easy ones; afterwards the operator has the word.
        base.gate_hit_rate, base.gate_refused = golden.gate.found, golden.gate.refused
        base.save(update_fields=["gate_hit_rate", "gate_refused"])
    report = GoldenReport()
    items: list[Question | FollowUp] = [*golden.questions, *golden.follow_ups]
    for item in items:
        expected = {documents[key] for key in item.expect if key in documents}
        if missing := [key for key in item.expect if key not in documents]:
            report.unknown[item.question] = missing
        if item.expect and not expected:
            continue
        fields = fields_of(item)
        row = there.get((fields["before"], fields["question"]))
        if row is None:
            base.golden_questions.create(**fields).expected.set(expected)
            report.added += 1
        elif update(row, fields, expected):
            report.changed += 1
        else:
            report.unchanged += 1
    return report


def fields_of(item: Question | FollowUp) -> dict[str, Any]:
    """Return what a row holds besides the entries that must be found."""
    if isinstance(item, FollowUp):
        return {"question": item.question, "before": item.before, "kind": FOLLOW_UP}
    return {
        "question": item.question,
        "before": "",
        "kind": item.kind,
        "variants": item.variants,
        "answerable": bool(item.expect),
        "must_say": item.must_say,
        "must_not_say": item.must_not_say,
    }


def update(row: GoldenQuestion, fields: dict[str, Any], expected: set[int]) -> bool:
    """Make the row say what the file says; return whether it did not."""
    same = all(getattr(row, name) == value for name, value in fields.items())
    if not same:
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
    if {document.pk for document in row.expected.all()} == expected:
        return not same
    row.expected.set(expected)
    return True
