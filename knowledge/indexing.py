"""Documents to an index version that callers can be given.

::

    version = ensure_index(base)      # builds only when the live version is not what the documents say
    version = rebuild_index(base)     # builds in any case

A build writes a new collection beside the live one and becomes live by one UPDATE. Whatever fails before that
leaves callers on the version they had, and the failed row keeps the reason.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge import chunking
from knowledge.embedding import Embedder
from knowledge.errors import IndexingError, KnowledgeError
from knowledge.models import Chunk, Document, IndexVersion, KnowledgeBase, hash_of
from knowledge.store import Entry, write_store

log = logging.getLogger(__name__)

# A call keeps the version it started with; none lasts that long.
GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class SearchText:
    """A text to embed, and the passage its vector leads to."""

    text: str
    id: str
    chunk: Chunk


def ensure_index(base: KnowledgeBase) -> tuple[IndexVersion, bool]:
    """Return (live version, whether it was built now); raise IndexingError.

    The live version stands when it was made from the same texts by the same model and Chroma holds all of it.
    """
    base.refresh_from_db()
    live = base.active_version
    if live is not None and is_current(base, live):
        return live, False
    return rebuild_index(base), True


def is_current(base: KnowledgeBase, live: IndexVersion) -> bool:
    with transaction.atomic():
        texts = cut(base)
    if (live.embedding_model, live.content_hash) != (settings.AIKER.embedding_model, hash_of_texts(texts)):
        return False
    with write_store() as store:
        return store.count(live.collection_name) == live.vector_count


def rebuild_index(base: KnowledgeBase) -> IndexVersion:
    """Build a version from the documents as they are now and make it live; raise IndexingError."""
    version, texts = begin(base)
    try:
        if not texts:
            raise IndexingError(
                "index", "empty", _("The knowledge base has no documents. Load or write some first.")
            )
        write(version, texts)
        activate(version)
    except BaseException as exc:
        fail(version, exc)
        if isinstance(exc, IndexingError) or not isinstance(exc, KnowledgeError):
            raise
        raise IndexingError(exc.stage, exc.code, exc.message) from exc
    remove_old_versions(base)
    return version


@transaction.atomic
def begin(base: KnowledgeBase) -> tuple[IndexVersion, list[SearchText]]:
    """Cut the documents and make the version's row in one transaction: a later row saw no older texts."""
    texts = cut(base)
    version = IndexVersion.objects.create(
        base=base,
        collection_name=f"{base.slug}-{uuid.uuid4().hex[:12]}",
        embedding_model=settings.AIKER.embedding_model,
        chunk_count=len({text.chunk.pk for text in texts}),
        vector_count=len(texts),
        content_hash=hash_of_texts(texts),
    )
    return version, texts


def cut(base: KnowledgeBase) -> list[SearchText]:
    """Bring the passages of every document up to date; return all texts to embed, in a stable order."""
    texts: list[SearchText] = []
    for document in base.documents.order_by("pk").prefetch_related("chunks"):
        for chunk in passages_of(document):
            for number, text in enumerate(chunking.search_texts(document, chunk.position, chunk.text)):
                texts.append(SearchText(text, f"{chunk.pk}-{number}", chunk))
    return texts


def passages_of(document: Document) -> list[Chunk]:
    """Return the document's passages; rows are written only where the text changed."""
    passages = chunking.split(document.answer)
    rows = list(document.chunks.all())
    if [row.text for row in rows] == passages:
        return rows
    document.chunks.all().delete()
    return Chunk.objects.bulk_create(
        Chunk(document=document, position=position, text=text, content_hash=hash_of(text))
        for position, text in enumerate(passages)
    )


def hash_of_texts(texts: Sequence[SearchText]) -> str:
    """Return what tells two indexes apart: every text with the document and the passage it leads to."""
    return hash_of(
        [[t.text, t.id, t.chunk.document.key, t.chunk.document.title, t.chunk.text] for t in texts]
    )


def write(version: IndexVersion, texts: Sequence[SearchText]) -> None:
    """Embed the texts and write the version's collection."""
    embedder = Embedder(version.embedding_model)
    try:
        vectors = embedder.embed([text.text for text in texts])
    finally:
        embedder.close()
    entries = [
        Entry(
            text.id,
            vector,
            text.chunk.document.key,
            text.chunk.document.title,
            text.chunk.text,
            text.chunk.pk,
        )
        for text, vector in zip(texts, vectors, strict=True)
    ]
    with write_store() as store:
        store.create(version.collection_name)
        store.add(version.collection_name, entries)


@transaction.atomic
def activate(version: IndexVersion) -> None:
    """Mark the version ready and make it live, unless a newer one already is."""
    now = timezone.now()
    version.state = IndexVersion.State.READY
    version.save(update_fields=["state"])
    before = KnowledgeBase.objects.values_list("active_version_id", flat=True).get(pk=version.base_id)
    switched = KnowledgeBase.objects.filter(
        Q(active_version=None) | Q(active_version_id__lt=version.pk), pk=version.base_id
    ).update(active_version=version)
    if switched:
        version.activated_at = now
        version.save(update_fields=["activated_at"])
        IndexVersion.objects.filter(pk=before).update(retired_at=now)
    else:
        version.retired_at = now
        version.save(update_fields=["retired_at"])


def fail(version: IndexVersion, exc: BaseException) -> None:
    """Record why the version did not come to be, and take away what it wrote."""
    version.state = IndexVersion.State.FAILED
    version.error = str(exc) or type(exc).__name__
    version.save(update_fields=["state", "error"])
    try:
        with write_store() as store:
            store.remove(version.collection_name)
    except KnowledgeError as error:
        log.warning("collection %s is left behind: %s", version.collection_name, error)


def remove_old_versions(base: KnowledgeBase) -> None:
    """Delete versions no call can hold: replaced, or begun and never ended, over an hour ago.

    The live one, the one before it and the latest failure stay.
    """
    old = timezone.now() - GRACE
    base.refresh_from_db()
    previous = base.versions.filter(retired_at__isnull=False).order_by(F("retired_at").desc()).first()
    latest_failure = base.versions.filter(state=IndexVersion.State.FAILED).first()
    keep = [base.active_version_id, previous and previous.pk, latest_failure and latest_failure.pk]
    gone = base.versions.exclude(pk__in=[pk for pk in keep if pk]).filter(
        Q(retired_at__lt=old) | Q(created_at__lt=old, retired_at=None)
    )
    if not gone:
        return
    try:
        with write_store() as store:
            for version in gone:
                store.remove(version.collection_name)
                version.delete()
    except KnowledgeError as error:
        log.warning("old index versions are kept for now: %s", error)
