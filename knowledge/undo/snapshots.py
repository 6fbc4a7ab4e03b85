"""What is live at a moment, kept for ever as it was.

::

    with transaction.atomic():
        take(base, Snapshot.Kind.IMPORT, title="prices.xlsx", user=user)     # None: nothing is live yet
        ...                                                                  # what changes it
    entries, golden = contents(snapshot)

What is live is read from the live index, which keeps each entry as it was indexed: after a large import the
documents are ahead of it until a version is published. An edit that was saved and is still on its way counts
as live. So does, as it is now, an entry that was indexed before indexes kept entries.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from knowledge.manifest import Manifest
from knowledge.models import GoldenQuestion, IndexVersion, KnowledgeBase, Snapshot
from knowledge.undo.entries import Entries, loads, pack, state_of, unpack
from knowledge.writing import manifest_path

Golden = dict[int, list[int]]
"""The documents that each golden question expects, by their ids."""

KEPT = 50
"""Newest snapshots of a base that stay whatever their age."""
KEPT_FOR = timedelta(days=30)


def take(
    base: KnowledgeBase, kind: Snapshot.Kind, *, title: str = "", user: User | None = None
) -> Snapshot | None:
    """Keep what is live now."""
    base.refresh_from_db(fields=["active_version"])
    if base.active_version is None:
        return None
    return store(base, kind, live_entries(base), title=title, user=user)


def store(
    base: KnowledgeBase, kind: Snapshot.Kind, entries: Entries, *, title: str = "", user: User | None = None
) -> Snapshot:
    """Keep these entries; snapshots that are old and superfluous go."""
    snapshot = Snapshot.objects.create(
        base=base,
        kind=kind,
        title=title[:200],
        version=base.active_version,
        user=user,
        entry_count=len(entries),
        data=pack({"entries": list(entries.values()), "golden": list(expected(base).items())}),
    )
    newest = base.snapshots.values("pk")[:KEPT]
    old = base.snapshots.filter(created_at__lt=timezone.now() - KEPT_FOR)
    old = old.exclude(kind=Snapshot.Kind.LIVE, version__isnull=False)
    old.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()
    return snapshot


def contents(snapshot: Snapshot) -> tuple[Entries, Golden]:
    """Return the entries of a snapshot, and what its golden questions expected."""
    data = unpack(snapshot.data)
    return {state["key"]: state for state in data["entries"]}, dict(data["golden"])


def current_entries(base: KnowledgeBase) -> Entries:
    """Return the documents of a base as they are now, live or not."""
    documents = base.documents.order_by("pk").prefetch_related("chunks")
    return {document.key: state_of(document) for document in documents.iterator(1000)}


def live_entries(base: KnowledgeBase) -> Entries:
    """Return the entries that callers hear, see the module; of a lost index those of the documents."""
    on_their_way = set(base.changes.values_list("document_id", flat=True))  # first: it may be written now
    current = {state["id"]: state for state in current_entries(base).values()}
    held = held_entries(base.active_version) if base.active_version else None
    if held is None:
        return {state["key"]: state for state in current.values()}
    found: Entries = {}
    for pk in sorted(held.keys() | on_their_way):
        text = held.get(pk, "")
        state = loads(text) if text and pk not in on_their_way else current.get(pk)
        if state:
            found[state["key"]] = state
    return found


def held_entries(version: IndexVersion) -> dict[int, str] | None:
    """Return the entries of an index as it keeps them, by the document's id; None: its file was lost."""
    try:
        with Manifest.read(manifest_path(version.collection_name)) as manifest:
            return dict.fromkeys(manifest.fingerprints(), "") | manifest.entries()
    except sqlite3.OperationalError:
        return None


def expected(base: KnowledgeBase) -> Golden:
    """Return what the golden questions of a base expect."""
    links = GoldenQuestion.expected.through.objects.filter(goldenquestion__base=base)
    found: Golden = {}
    for question, document in links.values_list("goldenquestion_id", "document_id"):
        found.setdefault(question, []).append(document)
    return found
