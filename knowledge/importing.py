"""Entries of a file to documents of a base.

::

    report = store_entries(base, read(path), source=path.name)
    print(report.added, report.changed, report.removed, report.unchanged, report.kept)

What happens to an entry, by where it was changed since the last load of the file:

============== ============== =================================================
in the file    in the admin   result
============== ============== =================================================
no             no             unchanged
no             yes            unchanged: the operator's words stay
yes            no             changed: the document becomes the entry
yes            yes            kept: the operator's words stay, and it is reported
gone           no             removed
gone           yes            kept, and reported
============== ============== =================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from knowledge.loaders import BusinessData, Entry
from knowledge.models import Document, KnowledgeBase, hash_of


@dataclass
class LoadReport:
    """Keys of the documents by what happened to them."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


@transaction.atomic
def store_entries(base: KnowledgeBase, data: BusinessData, source: str) -> LoadReport:
    """Make the documents loaded from ``source`` equal its entries; documents of other origin are untouched.

    All or nothing. A document with the key of an entry is taken for that entry, wherever it came from.
    """
    report = LoadReport()
    existing = {document.key: document for document in base.documents.all()}
    for entry in data.entries:
        document = existing.get(entry.id)
        if document is None:
            document = Document(base=base, key=entry.id)
            report.added.append(entry.id)
        elif document.source_hash == hash_of(entry.content()):
            report.unchanged.append(entry.id)
            continue
        elif edited_in_admin(document):
            report.kept.append(entry.id)
            continue
        else:
            report.changed.append(entry.id)
        take(document, entry, source, data.sample)
    remove_gone(existing.values(), {entry.id for entry in data.entries}, source, report)
    return report


def take(document: Document, entry: Entry, source: str, sample: bool) -> None:
    """Save the entry as the document."""
    for name, value in entry.content().items():
        setattr(document, name, value)
    document.source = source
    document.source_hash = document.content_hash()
    document.is_sample = sample
    document.save()


def remove_gone(documents: Iterable[Document], keys: set[str], source: str, report: LoadReport) -> None:
    for document in documents:
        if document.source != source or document.key in keys:
            continue
        if edited_in_admin(document):
            report.kept.append(document.key)
        else:
            report.removed.append(document.key)
            document.delete()


def edited_in_admin(document: Document) -> bool:
    """Whether the document differs from what the file last said; always so when no file said it."""
    return document.source_hash != document.content_hash()
