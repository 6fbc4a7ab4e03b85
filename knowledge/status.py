"""Whether callers hear a document as it is written: what the list and the page of a document say.

::

    states(base, documents)[document.pk].state      # State.INDEXED, ON_ITS_WAY, FAILED or NOT_LIVE
    not_live(base)                                  # ids, of the whole base: 10,000 documents take a second

A document is in the live version when its fingerprint there is the one it has now. It is not while an import
waits for its version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import models
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from knowledge.manifest import Manifest, StoredPassage
from knowledge.models import Document, IndexVersion, KnowledgeBase
from knowledge.passages import fingerprint, passages_of
from knowledge.writing import manifest_path


class State(models.TextChoices):
    INDEXED = "indexed", gettext_lazy("callers hear it")
    ON_ITS_WAY = "on_its_way", gettext_lazy("on its way")
    FAILED = "failed", gettext_lazy("failed")
    NOT_LIVE = "not_live", gettext_lazy("not in the live version")


@dataclass(frozen=True, slots=True)
class DocumentState:
    """``reason`` says what failed, or what the document waits for; empty when there is nothing to say."""

    state: State
    reason: str = ""


def states(base: KnowledgeBase, documents: Sequence[Document]) -> dict[int, DocumentState]:
    """Return the state of each of these documents of one base, in four queries whatever their number."""
    prefetch_related_objects(documents, "chunks")
    ids = [document.pk for document in documents]
    waiting = dict(base.changes.filter(document_id__in=ids).values_list("document_id", "error"))
    held = held_by(base.active_version, ids)
    elsewhere = DocumentState(State.NOT_LIVE, why_not_live(base))
    found: dict[int, DocumentState] = {}
    for document in documents:
        if (error := waiting.get(document.pk)) is not None:
            found[document.pk] = DocumentState(State.FAILED if error else State.ON_ITS_WAY, error)
        elif held.get(document.pk) == fingerprint(passages_of(document)):
            found[document.pk] = DocumentState(State.INDEXED)
        else:
            found[document.pk] = elsewhere
    return found


def states_of(documents: Iterable[Document]) -> dict[int, DocumentState]:
    """Return the states of documents of several bases."""
    by_base: dict[int, list[Document]] = {}
    for document in documents:
        by_base.setdefault(document.base_id, []).append(document)
    found: dict[int, DocumentState] = {}
    for base in KnowledgeBase.objects.select_related("active_version").filter(pk__in=by_base):
        found |= states(base, by_base[base.pk])
    return found


def not_live(base: KnowledgeBase) -> list[int]:
    """Return the ids of all documents of a base whose state is NOT_LIVE."""
    waiting = set(base.changes.values_list("document_id", flat=True))
    held = held_by(base.active_version)
    return [
        document.pk
        for document in base.documents.prefetch_related("chunks").iterator(1000)
        if document.pk not in waiting and held.get(document.pk) != fingerprint(passages_of(document))
    ]


def held_by(version: IndexVersion | None, documents: Iterable[int] | None = None) -> dict[int, str]:
    """Return the fingerprints in a version; none where there is no version, or its file was lost."""
    if version is None:
        return {}
    try:
        with Manifest.read(manifest_path(version.collection_name)) as manifest:
            return manifest.fingerprints(documents)
    except sqlite3.OperationalError:
        return {}


def live_passages(document: Document) -> dict[int, StoredPassage]:
    """Return the passages of a document as callers find them, by the id of their row."""
    version = document.base.active_version
    if version is None:
        return {}
    try:
        with Manifest.read(manifest_path(version.collection_name)) as manifest:
            return {passage.chunk_id: passage for passage in manifest.passages_of(document.pk)}
    except sqlite3.OperationalError:
        return {}


def why_not_live(base: KnowledgeBase) -> str:
    """Return what a document that is not in the live version waits for."""
    if base.active_version is None:
        return _("Nothing of this knowledge base is live yet.")
    newer = base.versions.filter(pk__gt=base.active_version.pk)
    if newer.filter(state=IndexVersion.State.BUILDING).exists():
        return _("A version with it is being built.")
    if newer.filter(state=IndexVersion.State.READY, retired_at=None).exists():
        return _("A newer version waits to be published.")
    return _("The live version was built from other words of it. Bring it in alone, or re-index the base.")
