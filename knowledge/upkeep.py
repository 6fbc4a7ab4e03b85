"""What the indexer looks after unasked: indexes that lost a half, another embedding model, what was deleted.

::

    upkeep(open_store())        # the indexer, at its start and every minute

A live index answers with what it has until the version that is asked for here is ready.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge.manifest import Manifest
from knowledge.models import IndexVersion, KnowledgeBase, Snapshot
from knowledge.passages import fingerprint, passages_of
from knowledge.store import Store
from knowledge.undo.entries import dumps, state_of
from knowledge.undo.snapshots import take
from knowledge.versions import request_version
from knowledge.writing import explained, index_dir, manifest_path, remove_manifest

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(hours=1)
"""A version that was asked for here and failed is asked for again after so long."""


def upkeep(store: Store) -> None:
    """Ask for the versions that are needed, and remove what belongs to no version; raise KnowledgeError."""
    for base in KnowledgeBase.objects.exclude(active_version=None).select_related("active_version"):
        assert base.active_version is not None
        keep_entries(base.active_version)
        if not base.active_version.snapshots.filter(kind=Snapshot.Kind.LIVE).exists():
            take(base, Snapshot.Kind.LIVE, title=str(base.active_version))  # live before there were snapshots
        reason = why_anew(base.active_version, store)
        if reason and not is_asked_for(base):
            log.warning("%s is built anew: %s", base.slug, reason)
            request_version(base, reason)
    sweep(store)


def keep_entries(live: IndexVersion) -> None:
    """Keep the entries of an index that was written before indexes kept them, where they are as they were."""
    path = manifest_path(live.collection_name)
    if not path.exists():
        return
    with explained(), Manifest.open(path, create=False) as manifest:
        missing = manifest.without_entry()
        if not missing:
            return
        for document in live.base.documents.prefetch_related("chunks").iterator(1000):
            if missing.get(document.pk) == fingerprint(passages_of(document)):
                manifest.keep_entry(document.pk, dumps(state_of(document)))


def why_anew(live: IndexVersion, store: Store) -> str:
    """Return why a live version must be replaced; empty: it is whole and of the model of the settings."""
    if not manifest_path(live.collection_name).exists():
        return _("the manifest of the index was lost")
    with explained(), Manifest.read(manifest_path(live.collection_name)) as manifest:
        vectors = manifest.counts()[2]
    held = store.count(live.collection_name)
    if held is None or held < vectors:
        return _("Chroma lost vectors of the index")
    if live.embedding_model != (model := settings.AIKER.embedding_model):
        return _("the embedding model of the settings is {model} now").format(model=model)
    return ""


def is_asked_for(base: KnowledgeBase) -> bool:
    """Whether a later version by the model of the settings is being built, waits, or failed just now."""
    later = base.versions.filter(
        pk__gt=base.active_version_id, embedding_model=settings.AIKER.embedding_model
    )
    waits = later.exclude(state=IndexVersion.State.FAILED)
    return waits.exists() or later.filter(created_at__gt=timezone.now() - ASK_AGAIN).exists()


def sweep(store: Store) -> None:
    """Remove the two halves of each index whose version is gone: its base was deleted."""
    kept = set(IndexVersion.objects.values_list("collection_name", flat=True))
    for path in index_dir().glob("*.sqlite3"):
        if path.stem not in kept:
            log.info("index %s is removed with its base", path.stem)
            store.remove(path.stem)  # first: what fails here is found again by its manifest
            remove_manifest(path.stem)
