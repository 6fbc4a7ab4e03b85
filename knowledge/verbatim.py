"""Which answers of a base are spoken as they are written.

::

    verbatim_texts(base_id)        # ["客服热线是400-000-5100。"]

Both what the documents say now and what the live version still says: an edit is on its way for a moment.
"""

from __future__ import annotations

import sqlite3

from knowledge.manifest import Manifest
from knowledge.models import Document, IndexVersion, KnowledgeBase
from knowledge.writing import manifest_path


def verbatim_texts(base_id: int) -> list[str]:
    """Return each answer once, those of the documents first. Reads the database."""
    written = Document.objects.filter(base_id=base_id, verbatim=True).order_by("pk")
    texts = dict.fromkeys(written.values_list("answer", flat=True))
    live = KnowledgeBase.objects.filter(pk=base_id).values("active_version")
    if version := IndexVersion.objects.filter(pk__in=live).first():
        texts |= dict.fromkeys(_in_index(version))
    return list(texts)


def _in_index(version: IndexVersion) -> list[str]:
    try:
        with Manifest.read(manifest_path(version.collection_name)) as manifest:
            return manifest.spoken_texts()
    except sqlite3.OperationalError:
        return []  # calls find nothing in it either: the next version is built from the documents
