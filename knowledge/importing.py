"""Entries of a file to documents of a base: first what would change, then the change.

::

    report = store_entries(base, read(path), source=path.name)
    print(report.added, report.changed, report.removed, report.unchanged, report.kept)

    shown = plan(base, data, source)      # reads only; shown.fingerprint tells two plans apart
    apply(shown)

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

Passages that were edited by hand count as a change in the admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from knowledge.editing import ROWS_AT_ONCE, bulk, cut, touch
from knowledge.loaders import BusinessData, Entry
from knowledge.models import Document, KnowledgeBase, hash_of
from knowledge.undo.imports import recorded

WRITTEN = [*Entry.model_fields, "source", "source_hash", "is_sample", "revision", "updated_at"]
WRITTEN.remove("id")


@dataclass
class LoadReport:
    """Keys of the documents by what happened to them."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def touched(self) -> int:
        """How many documents differ from before."""
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass
class Plan:
    """What a file would do to a base. A document is kept with its entry, or None when the file has none."""

    base: KnowledgeBase
    source: str
    sample: bool
    added: list[Entry] = field(default_factory=list)
    changed: list[tuple[Document, Entry]] = field(default_factory=list)
    removed: list[Document] = field(default_factory=list)
    unchanged: list[Document] = field(default_factory=list)
    kept: list[tuple[Document, Entry | None]] = field(default_factory=list)

    def report(self) -> LoadReport:
        return LoadReport(
            added=[entry.id for entry in self.added],
            changed=[document.key for document, _entry in self.changed],
            removed=[document.key for document in self.removed],
            unchanged=[document.key for document in self.unchanged],
            kept=[document.key for document, _entry in self.kept],
        )

    @property
    def fingerprint(self) -> str:
        """Equal exactly when the same documents would be changed from the same to the same."""
        return hash_of(
            [
                [hash_of(entry.model_dump(mode="json")) for entry in self.added],
                [(doc.pk, doc.content_hash(), hash_of(entry.content())) for doc, entry in self.changed],
                [(document.pk, document.content_hash()) for document in self.removed],
                [document.pk for document, _entry in self.kept],
            ]
        )


def store_entries(base: KnowledgeBase, data: BusinessData, source: str) -> LoadReport:
    """Make the documents loaded from ``source`` equal its entries; documents of other origin are untouched.

    All or nothing. The caller asks for a version afterwards: callers never hear half an import.
    """
    with bulk(), transaction.atomic():
        planned = plan(base, data, source)
        apply(planned)
    return planned.report()


def plan(base: KnowledgeBase, data: BusinessData, source: str) -> Plan:
    """Return what the file would do; nothing is written.

    A document with the key of an entry is taken for that entry, wherever it came from.
    """
    planned = Plan(base, source, data.sample)
    existing = {document.key: document for document in base.documents.all()}
    for entry in data.entries:
        document = existing.pop(entry.id, None)
        if document is None:
            planned.added.append(entry)
        elif document.source_hash == hash_of(entry.content()):
            planned.unchanged.append(document)
        elif edited_in_admin(document):
            planned.kept.append((document, entry))
        else:
            planned.changed.append((document, entry))
    plan_removals(planned, existing.values())
    return planned


def plan_removals(planned: Plan, not_in_file: Iterable[Document]) -> None:
    for document in not_in_file:
        if document.source != planned.source:
            continue
        if edited_in_admin(document):
            planned.kept.append((document, None))
        else:
            planned.removed.append(document)


def apply(planned: Plan, user: User | None = None) -> None:
    """Do what was planned, so that it can be withdrawn; the base must not have changed since.

    In few statements, whatever the number of entries: nothing else can be written to the database meanwhile.
    """
    report = planned.report()
    with recorded(planned.base, planned.source, [*report.added, *report.changed, *report.removed], user):
        _apply(planned)


def _apply(planned: Plan) -> None:
    added = [taken(Document(base=planned.base, key=entry.id), entry, planned) for entry in planned.added]
    changed = [taken(document, entry, planned) for document, entry in planned.changed]
    reason = _("From the file {file}").format(file=planned.source)[:100]
    bulk_create_with_history(added, Document, ROWS_AT_ONCE, default_change_reason=reason)
    # Ten times as fast as bulk_update, which SQLite has to choose each value by CASE in.
    Document.objects.bulk_create(
        changed, ROWS_AT_ONCE, update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN
    )
    Document.history.bulk_history_create(changed, ROWS_AT_ONCE, update=True, default_change_reason=reason)
    prefetch_related_objects([*added, *changed], "chunks")
    cut(*added, *changed)
    for document in [*added, *changed]:
        touch(document)
    for document in planned.removed:
        document._change_reason = reason
        document.delete()


def taken(document: Document, entry: Entry, planned: Plan) -> Document:
    """Return the document as the entry has it, unsaved."""
    for name, value in entry.fields().items():
        setattr(document, name, value)
    document.source = planned.source
    document.source_hash = document.content_hash()
    document.is_sample = planned.sample
    document.revision += 1
    document.updated_at = timezone.now()
    return document


def edited_in_admin(document: Document) -> bool:
    """Whether the document differs from what the file last said; always so when no file said it."""
    return document.passages_by_hand or document.source_hash != document.content_hash()
