"""Documents into an index version: the only code that changes collections and manifests.

::

    with VersionWriter(version, store, embedder) as writer:
        writer.write(documents)        # as they are now; those that are in already cost nothing
        writer.drop(document_id)

Who blocks whom

=================== ==================== ======================= ======================================
                    a live search        an edit                 a build
=================== ==================== ======================= ======================================
an edit             never: it reads the  one at a time, in       never: it is written into the version
                    passages before or   order: one indexer an   that is being built as well
                    after it             installation
a build             never: no call has   waits for one batch     one after the other
                    been given it        of the build
the switch          never: a turn keeps  see above: the live     the newer one is asked for later, and
(one UPDATE)        the version it       and the coming version  goes live later
                    began with           have both had it
removal             never: the live one, never                   never
                    and those one can
                    roll back to, stay
=================== ==================== ======================= ======================================

A kill at any line leaves nothing wrong for long: vectors are noted as unwanted before they are written, count
from the moment the manifest has their document, and whatever is unwanted is deleted by the next write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from django.conf import settings
from django.utils.translation import gettext as _

from knowledge.embedding import Embedder
from knowledge.errors import IndexingError
from knowledge.manifest import Manifest
from knowledge.models import Document, IndexVersion
from knowledge.passages import IndexedPassage, SearchText, fingerprint, passages_of
from knowledge.store import Store
from knowledge.undo.entries import dumps, state_of


def index_dir() -> Path:
    return settings.AIKER.data_dir / "index"


def manifest_path(collection: str) -> Path:
    return index_dir() / f"{collection}.sqlite3"


def remove_manifest(collection: str) -> None:
    path = manifest_path(collection)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class VersionWriter:
    """See the module. ``donor`` is a collection of the same embedding model that may have a vector.

    Only a version that is being built is made where it is not: a live one that lost a half must not go on
    with the next edit alone. IndexingError when the manifest is missing or cannot be written.
    """

    def __init__(self, version: IndexVersion, store: Store, embedder: Embedder, donor: str = "") -> None:
        self.collection = version.collection_name
        self._store = store
        self._embedder = embedder
        self._donor = donor
        building = version.state == IndexVersion.State.BUILDING
        with explained():
            self.manifest = Manifest.open(manifest_path(self.collection), create=building)
        if building:
            store.ensure(self.collection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.manifest.close()

    def write(self, documents: Sequence[Document]) -> None:
        """Index documents (chunks prefetched) as they are; after a KnowledgeError, repeat."""
        with explained():
            ids = [document.pk for document in documents]
            known, entries = self.manifest.fingerprints(ids), self.manifest.entries(ids)
            states = {document.pk: dumps(state_of(document)) for document in documents}
            changed = [
                (document.pk, passages, mark)
                for document in documents
                for passages, mark in [indexed(document)]
                if mark != known.get(document.pk)
            ]
            texts = {
                text.id: text.text
                for pk, passages, _mark in changed
                for text in missing(passages, self.manifest.vectors(pk))
            }
            if texts:
                vectors = self._vectors(texts)
                self.manifest.expect(vectors)
                self._store.put(self.collection, vectors)
            for pk, passages, mark in changed:
                self.manifest.put(pk, mark, passages, states[pk])
            for pk in states.keys() - {pk for pk, _passages, _mark in changed}:
                if entries.get(pk) != states[pk]:
                    self.manifest.keep_entry(pk, states[pk])
            self._settle()

    def drop(self, document_id: int) -> None:
        """Take a document out of the index."""
        with explained():
            self.manifest.drop(document_id)
            self._settle()

    def cursor(self) -> int:
        """Return the last document that the build has written, whatever was killed since; 0: none."""
        with explained():
            return self.manifest.cursor()

    def move_cursor(self, document_id: int) -> None:
        with explained():
            self.manifest.move_cursor(document_id)

    def _vectors(self, texts: Mapping[str, str]) -> dict[str, Sequence[float]]:
        """Return the vectors by id: those the donor has, and the rest embedded."""
        found = self._store.get(self._donor, list(texts)) if self._donor else {}
        to_embed = {id: text for id, text in texts.items() if id not in found}
        vectors = self._embedder.embed(list(to_embed.values()))
        return found | dict(zip(to_embed, vectors, strict=True))

    def _settle(self) -> None:
        if unwanted := self.manifest.unwanted():
            self._store.delete(self.collection, unwanted)
            self.manifest.forget_unwanted(unwanted)


def missing(passages: Sequence[IndexedPassage], vectors: set[str]) -> list[SearchText]:
    return [text for passage in passages for text in passage.texts if text.id not in vectors]


def indexed(document: Document) -> tuple[list[IndexedPassage], str]:
    """Return the passages of a document and their fingerprint; raise IndexingError for half a character."""
    try:
        passages = passages_of(document)
        return passages, fingerprint(passages)
    except UnicodeEncodeError as exc:
        text = _("“{title}” holds half a character (a lone surrogate). Write the wording anew.")
        raise IndexingError("index", "bad_text", text.format(title=document.title)) from exc


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the manifest raises inside into an IndexingError."""
    try:
        yield
    except sqlite3.Error as exc:
        text = _("The file of the index cannot be used ({reason}). Is the disk full, or was it deleted?")
        raise IndexingError("index", "broken", text.format(reason=exc)) from exc
