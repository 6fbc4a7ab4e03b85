"""What a saved document sets off: its passages are cut anew, and its indexing is asked for.

::

    document.save()                       # enough: signals call this module
    with bulk():                          # an import: no edit on its way for each document,
        ...                               # afterwards ask for one new version instead
    touch(document)                       # passages were edited by hand

All of it happens in the transaction of the edit, so that nothing is indexed that was not saved, and nothing
saved is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from knowledge import chunking
from knowledge.models import Chunk, Document, IndexChange, IndexVersion, KnowledgeBase
from knowledge.versions import request_version

ROWS_AT_ONCE = 500

_in_bulk: ContextVar[bool] = ContextVar("in_bulk", default=False)


@contextmanager
def bulk() -> Iterator[None]:
    """Ask for no indexing of single documents inside; the caller asks for a version afterwards."""
    token = _in_bulk.set(True)
    try:
        yield
    finally:
        _in_bulk.reset(token)


@transaction.atomic
def cut(*documents: Document) -> None:
    """Bring the passages up to date with the answers. Rows whose text stays are kept."""
    gone: list[int] = []
    new: list[Chunk] = []
    moved: list[Chunk] = []
    for document in documents:
        wanted = chunking.split(document.answer, document.base.passage_chars)
        rows = {row.text: row for row in reversed(document.chunks.all())}
        gone += [row.pk for row in document.chunks.all() if row.text not in wanted or rows[row.text] != row]
        for position, text in enumerate(wanted):
            row = rows.pop(text, None)
            if row is None:
                new.append(Chunk(document=document, text=text, position=position))
            elif row.position != position:
                row.position = position
                moved.append(row)
    for start in range(0, len(gone), ROWS_AT_ONCE):
        Chunk.objects.filter(pk__in=gone[start : start + ROWS_AT_ONCE]).delete()
    Chunk.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)
    Chunk.objects.bulk_update(moved, ["position"], batch_size=ROWS_AT_ONCE)


@transaction.atomic
def cut_current(pk: int) -> None:
    """Bring the passages up to date with the answer as it is now, for a caller that read it a while ago."""
    document = Document.objects.select_related("base").select_for_update().filter(pk=pk).first()
    if document and not document.passages_by_hand:
        cut(document)


def touch(document: Document) -> None:
    """Ask for the indexing of a document as it is now; one that is on its way is not asked for twice."""
    if not _in_bulk.get():
        request(document.base_id, document.pk, document.title)


@transaction.atomic
def request(base_id: int, document_id: int, title: str) -> None:
    """Ask for the indexing of a document; where a rehearsal is needed, for a version that waits for it."""
    rehearsed = KnowledgeBase.objects.filter(pk=base_id, needs_rehearsal=True).exclude(active_version=None)
    if base := rehearsed.first():
        request_draft(base, title)
        return
    now = timezone.now()
    asked_again = IndexChange.objects.filter(base_id=base_id, document_id=document_id).update(
        requests=F("requests") + 1, attempts=0, error="", retry_at=now, title=title
    )
    if not asked_again:
        IndexChange.objects.create(base_id=base_id, document_id=document_id, title=title)


def request_draft(base: KnowledgeBase, reason: str) -> None:
    """Ask for a version that waits to be rehearsed; one whose build has not begun will hold the edit, too."""
    coming = base.versions.filter(state=IndexVersion.State.BUILDING, started_at=None)
    if not coming.exists():
        request_version(base, reason, publish=False)
