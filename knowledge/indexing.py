"""Edits and builds, on their way into what callers hear.

::

    version = versions.request_version(base, "bulk import")    # anywhere; the indexer builds it
    with indexer_lock() as held:                           # the indexer, or a command when there is none
        Indexer().step()                                   # one small piece of work; False: nothing to do

One indexer works for an installation. Edits come first: a build lets them through after each batch. While
Chroma or the engine server is down everything waits, in its order; an edit that fails by itself is tried
again later and later, and lets the others pass.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from filelock import FileLock

from knowledge import editing, publishing
from knowledge.embedding import Embedder
from knowledge.errors import IndexingError, KnowledgeError
from knowledge.models import Document, IndexChange, IndexVersion, KnowledgeBase
from knowledge.store import Store, open_store
from knowledge.upkeep import upkeep
from knowledge.versions import (
    keep,
    remove_old_versions,
    request_version,
    unfinished,
    versions_that_take_edits,
)
from knowledge.writing import VersionWriter, index_dir, indexed, manifest_path

log = logging.getLogger(__name__)

EDITS_AT_ONCE = 32
DOCUMENTS_AT_ONCE = 16
TEXTS_AT_ONCE = 32
"""What a build embeds before it lets edits through; a document may have more."""
REST_S = 1.0
RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(seconds=60)
DOWN = ("unreachable", "timeout", "busy")


def indexer_lock() -> FileLock:
    """Return the lock that whoever writes indexes must hold."""
    index_dir().mkdir(parents=True, exist_ok=True)
    return FileLock(index_dir() / "lock")


class Indexer:
    """Does what edits and requested versions ask for, piece by piece. Hold ``indexer_lock()``."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._embedders: dict[str, Embedder] = {}
        self._rests_until = 0.0

    def step(self) -> bool:
        """Do one piece of work; return whether there was any. What fails is recorded where it is shown."""
        if time.monotonic() < self._rests_until:
            return False
        return self.apply_edits() or self.build()

    # -- edits ----------------------------------------------------------------

    def apply_edits(self) -> bool:
        """Write the oldest edits into the live version and the one that is coming."""
        due = IndexChange.objects.filter(retry_at__lte=timezone.now())
        first = due.select_related("base__active_version").first()
        if first is None:
            return False
        base = first.base
        targets = [version for version in versions_that_take_edits(base) if is_writable(version)]
        if not targets:
            # The first version of a base, or one after a loss, is built from everything there is.
            request_version(base, _("first version") if base.active_version is None else _("index lost"))
            base.changes.all().delete()
            return True
        self._apply(list(due.filter(base=base)[:EDITS_AT_ONCE]), targets)
        return True

    def _apply(self, changes: Sequence[IndexChange], targets: Sequence[IndexVersion]) -> None:
        try:
            for version in targets:
                self._write(version, [change.document_id for change in changes])
        except KnowledgeError as exc:
            self._store = None
            if exc.code in DOWN:
                self._rest(exc)
                IndexChange.objects.filter(pk__in=[change.pk for change in changes]).update(
                    attempts=F("attempts") + 1, error=exc.message
                )
            elif len(changes) > 1:
                for change in changes:  # one that cannot be embedded must not hold up the others
                    self._apply([change], targets)
            else:
                log.warning("an edit waits: %s", exc.message)
                postpone(changes[0], exc.message)
            return
        for change in changes:
            # One that was saved again in the meantime stays, for the text it has now.
            IndexChange.objects.filter(pk=change.pk, requests=change.requests).delete()

    def _write(self, version: IndexVersion, ids: Sequence[int]) -> None:
        found = {document.pk: document for document in documents(version.base).filter(pk__in=ids)}
        with self._writer(version) as writer:
            writer.write([found[pk] for pk in ids if pk in found])
            for pk in ids:
                if pk not in found:
                    writer.drop(pk)

    # -- builds ---------------------------------------------------------------

    def build(self) -> bool:
        """Do the next batch of the oldest version that is being built, or publish it."""
        version = (
            IndexVersion.objects.filter(unfinished())
            .select_related("base__active_version")
            .order_by("pk")
            .first()
        )
        if version is None:
            return False
        try:
            self._build(version)
        except KnowledgeError as exc:
            self._store = None
            if exc.code in DOWN:
                # Nothing is lost by waiting; the version says why it does not get on.
                self._rest(exc)
                keep(version, error=exc.message)
                return False
            keep(version, state=IndexVersion.State.FAILED, error=exc.message)
        return True

    def _build(self, version: IndexVersion) -> None:
        if version.state == IndexVersion.State.READY:  # whoever built it was killed before it was published
            publishing.try_publish(version)
            return
        with self._writer(version) as writer:
            cursor = writer.cursor()
            if cursor == 0:
                total = version.base.documents.count()
                keep(version, started_at=timezone.now(), document_count=total, done_count=0)
            rows = documents(version.base).filter(pk__gt=cursor)[:DOCUMENTS_AT_ONCE]
            batch = cut_anew(version.base, list(rows))
            if batch:
                writer.write(batch)
                writer.move_cursor(batch[-1].pk)
        if batch:
            keep(version, done_count=version.done_count + len(batch), error="")
        else:
            self._complete(version)

    def _complete(self, version: IndexVersion) -> None:
        """Take out what was deleted meanwhile, compare the two halves of the index, and publish."""
        there = set(version.base.documents.values_list("pk", flat=True))
        with self._writer(version) as writer:
            for gone in set(writer.manifest.fingerprints()) - there:
                writer.drop(gone)
            held, chunks, vectors = writer.manifest.counts()
        if not held:
            raise IndexingError(
                "index", "empty", _("The knowledge base has no documents. Load or write some first.")
            )
        if (kept := self._open_store().count(version.collection_name)) != vectors:
            raise IndexingError(
                "index", "broken", _("Chroma holds {got} of {sent} vectors.").format(got=kept, sent=vectors)
            )
        standing = keep(
            version,
            state=IndexVersion.State.READY,
            error="",
            built_at=timezone.now(),
            done_count=held,
            document_count=held,
            chunk_count=chunks,
            vector_count=vectors,
        )
        if standing and version.publish_when_ready:
            publishing.try_publish(version)
        remove_old_versions(version.base, self._open_store())

    # -- what nobody asked for --------------------------------------------------

    def upkeep(self) -> None:
        """Ask for versions that are needed, remove what belongs to none; later, when Chroma is down."""
        try:
            upkeep(self._open_store())
        except KnowledgeError as exc:
            self._store = None
            log.warning("the indexes are not looked after for now: %s", exc.message)

    # -- what all need --------------------------------------------------------

    def _rest(self, exc: KnowledgeError) -> None:
        log.warning("the indexer waits: %s", exc.message)
        self._rests_until = time.monotonic() + REST_S

    def _writer(self, version: IndexVersion) -> VersionWriter:
        live = version.base.active_version
        donor = ""
        if live and live.pk != version.pk and live.embedding_model == version.embedding_model:
            donor = live.collection_name
        model = version.embedding_model
        if model not in self._embedders:
            self._embedders[model] = Embedder(model)
        return VersionWriter(version, self._open_store(), self._embedders[model], donor)

    def _open_store(self) -> Store:
        if self._store is None:
            self._store = open_store()
        return self._store


def documents(base: KnowledgeBase) -> QuerySet[Document]:
    """Return the documents of a base in the order of a build, with what their passages need."""
    return base.documents.order_by("pk").select_related("base").prefetch_related("chunks")


def cut_anew(base: KnowledgeBase, rows: Sequence[Document]) -> list[Document]:
    """Cut the passages of documents as the base wants them now; return the first of them, for one batch."""
    for document in rows:
        editing.cut_current(document.pk)
    batch: list[Document] = []
    texts = 0
    for document in documents(base).filter(pk__in=[row.pk for row in rows]):
        texts += sum(len(passage.texts) for passage in indexed(document)[0])
        if batch and texts > TEXTS_AT_ONCE:
            break
        batch.append(document)
    return batch


def is_writable(version: IndexVersion) -> bool:
    """Whether an edit can be written into a version; a live one may have lost its manifest."""
    building = version.state == IndexVersion.State.BUILDING
    return building or manifest_path(version.collection_name).exists()


def postpone(change: IndexChange, reason: str) -> None:
    """Try again later, twice as late each time up to a minute; the document shows why."""
    wait = min(LONGEST_RETRY, RETRY * 2 ** min(change.attempts, 10))
    IndexChange.objects.filter(pk=change.pk).update(
        attempts=change.attempts + 1, error=reason, retry_at=timezone.now() + wait
    )
