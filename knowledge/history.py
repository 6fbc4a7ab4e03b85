"""The states a document had: what changed from one to the next, and back to one of them.

::

    for version in versions_of(document):
        version.record.history_user, version.changes       # [] for the first
    take_back(document, record)        # fields only, not saved
    take_back_passages(document, record)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from knowledge import chunking, passage_editing
from knowledge.models import Document
from knowledge.passage_editing import Passage
from knowledge.text_diff import FieldChange, changes

MOST_VERSIONS = 100


@dataclass(frozen=True)
class Version:
    """``record`` is a row of the history; ``changes`` are those that led to it."""

    record: Any
    changes: list[FieldChange]


def versions_of(document: Document) -> list[Version]:
    """Return the latest states, newest first."""
    records = list(document.history.select_related("history_user")[: MOST_VERSIONS + 1])
    versions = [Version(new, changed(document, old, new)) for new, old in pairwise(records)]
    if records and len(records) <= MOST_VERSIONS:
        versions.append(Version(records[-1], []))
    return versions


def changed(document: Document, old: Any, new: Any) -> list[FieldChange]:
    before, after = content_of(old), content_of(new)
    if old.passages_by_hand or new.passages_by_hand:
        before["passages"], after["passages"] = passages_of(document, old), passages_of(document, new)
    return changes(before, after)


def content_of(record: Any) -> dict[str, Any]:
    """Return the content of a row of the history, which has the fields of a document."""
    return Document.content(record)


def passages_of(document: Document, record: Any) -> list[Passage]:
    """Return the passages there were: those kept, or as they are cut from the answer."""
    if record.passages is not None:
        return record.passages
    texts = chunking.split(record.answer, document.base.passage_chars)
    return [Passage(text=text, used=True) for text in texts]


def take_back(document: Document, record: Any) -> None:
    """Give the document, unsaved, the values it had then."""
    for name in Document.content(document):
        setattr(document, name, getattr(record, name))


def take_back_passages(document: Document, record: Any) -> None:
    """Bring back passages that were edited by hand then; without any, saving cuts them anew."""
    document.passages_by_hand = record.passages_by_hand
    if record.passages is not None:
        passage_editing.put(document, record.passages)
