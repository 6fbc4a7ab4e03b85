"""Whether an edit takes a fact from callers that a golden question asks for, known before they hear it.

::

    for question, facts in lost_facts(document, "日卡80元。", "日卡90元。"):
        print(question, facts)              # "一天多少钱？", ["80 / 八十"]

Only facts that were said before count: one that another document says is not lost here.
"""

from __future__ import annotations

from collections.abc import Iterator

from knowledge.golden_file import says
from knowledge.models import Document, GoldenQuestion


def lost_facts(document: Document, before: str, after: str) -> Iterator[tuple[GoldenQuestion, list[str]]]:
    """Yield each active golden question that expects the document, with facts only the text before says."""
    for question in document.golden_questions.filter(is_active=True):
        facts = [[fact] if isinstance(fact, str) else fact for fact in question.must_say]
        lost = [" / ".join(fact) for fact in facts if says(before, fact) and not says(after, fact)]
        if lost:
            yield question, lost
