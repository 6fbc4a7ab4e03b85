"""What a version holds, as one value, and where two versions differ.

::

    contents_of(version)                        # equal exactly when two versions hold the same
    changed_documents(live, draft)              # ids of documents that one holds otherwise, or not at all
    lacks_rehearsal(version)                    # its base wants one, and none of what it holds was passed
"""

from __future__ import annotations

import hashlib
from typing import Any

from knowledge.manifest import Manifest
from knowledge.models import IndexVersion
from knowledge.status import held_by
from knowledge.writing import manifest_path


def contents_of(version: IndexVersion | None) -> str:
    """Return a checksum of all entries of a version; empty where there is none, or its file was lost."""
    held = held_by(version)
    lines = "\n".join(f"{document} {fingerprint}" for document, fingerprint in sorted(held.items()))
    return hashlib.sha256(lines.encode()).hexdigest() if held else ""


def changed_documents(live: IndexVersion | None, draft: IndexVersion | None) -> set[int]:
    """Return the ids of the documents that the two hold in different words, or only one of them holds."""
    before, after = held_by(live), held_by(draft)
    differ = {pk for pk in before.keys() | after.keys() if before.get(pk) != after.get(pk)}
    if not (live and draft and before and after):
        return differ
    with (
        Manifest.read(manifest_path(live.collection_name)) as old,
        Manifest.read(manifest_path(draft.collection_name)) as new,
    ):
        return {pk for pk in differ if words_of(old, pk) != words_of(new, pk)}


def words_of(manifest: Manifest, document: int) -> tuple[list[Any], set[str]]:
    """Return what a document says and is found by, whatever rows hold it: an edit that was undone is none."""
    passages = [passage._replace(chunk_id=0) for passage in manifest.passages_of(document)]
    return passages, {vector.partition("-")[2] for vector in manifest.vectors(document)}


def lacks_rehearsal(version: IndexVersion) -> bool:
    """Whether a version may not go live yet: its base wants a rehearsal, and it has not passed one.

    One that holds what is live, or replaces a live one that was lost, changes nothing that callers hear.
    """
    base = version.base
    before, after = contents_of(base.active_version), contents_of(version)
    if not base.needs_rehearsal or base.active_version is None or not before:
        return False
    same = before == after and base.active_version.embedding_model == version.embedding_model
    return not same and IndexVersion.objects.values_list("rehearsed", flat=True).get(pk=version.pk) != after
