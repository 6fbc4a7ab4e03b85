"""A base that is edited, imported into and published, and what is live in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation

from knowledge.importing import store_entries
from knowledge.loaders import BusinessData
from knowledge.manifest import Manifest, StoredPassage
from knowledge.models import ImportRecord, IndexVersion, KnowledgeBase
from knowledge.store import open_store
from knowledge.undo.entries import Entries
from knowledge.undo.snapshots import current_entries
from knowledge.uploading import apply_upload, planned
from knowledge.writing import manifest_path


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def live(base: KnowledgeBase) -> IndexVersion:
    base.refresh_from_db()
    assert base.active_version is not None
    return base.active_version


def heard(base: KnowledgeBase) -> dict[int, list[StoredPassage]]:
    """What callers can be told, by document; both halves of the index agree."""
    version = live(base)
    with Manifest.read(manifest_path(version.collection_name)) as manifest:
        assert open_store().ids(version.collection_name) == manifest.all_vectors()
        return {pk: manifest.passages_of(pk) for pk in manifest.fingerprints()}


def rows(base: KnowledgeBase) -> Entries:
    """The documents as the admin shows them."""
    return current_entries(base)


def entries(**answers: str) -> BusinessData:
    found = [{"id": key, "category": "价格", "title": key, "answer": text} for key, text in answers.items()]
    return BusinessData.model_validate({"entries": found})


def upload(base: KnowledgeBase, source: str = "kb.json", **answers: str) -> ImportRecord:
    """Apply a file as an operator does on the page of uploads."""
    data = entries(**answers).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    row = base.uploads.create(name=source, data=data)
    apply_upload(row, planned(row).fingerprint, None)
    return ImportRecord.objects.latest("pk")


def load(base: KnowledgeBase, source: str = "kb.json", **answers: str) -> ImportRecord:
    """Import a file as ``manage.py load_knowledge`` does, without indexing."""
    store_entries(base, entries(**answers), source)
    return ImportRecord.objects.latest("pk")


def answers(base: KnowledgeBase) -> dict[str, Any]:
    return dict(base.documents.values_list("key", "answer"))
