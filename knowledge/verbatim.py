"""Which answers of a base are spoken as they are written.

::

    marked_texts(base_id)        # ["客服热线是400-000-5100。"]
    short_texts(base_id)         # ["可以，免费参观。", "免费参观。", ...]: as written where the match is sure

Of marked entries both what the documents say now and what the live version still says: an edit is on its way
for a moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from django.db.models import Q

from knowledge.grounding.polarity import bare_answer
from knowledge.grounding.written import MAX_CHARS
from knowledge.manifest import Manifest
from knowledge.models import Canary, Chunk, Document, IndexVersion, KnowledgeBase
from knowledge.models.content import DocumentKind, Phrasing
from knowledge.writing import manifest_path

MAX_TEXTS = 1000
"""Of a large base so many short answers are made ahead; a text takes about a second, and 15 KB of disk."""


def marked_texts(base_id: int) -> list[str]:
    """Return the answers of entries that are marked as written, in the forms they are spoken in."""
    marked = Document.objects.filter(base_id=base_id, verbatim=True).order_by("pk")
    texts = dict.fromkeys(marked.values_list("answer", flat=True))
    live = KnowledgeBase.objects.filter(pk=base_id).values("active_version")
    drafts = Canary.objects.filter(base_id=base_id, ended_at=None).values("version")
    for version in IndexVersion.objects.filter(Q(pk__in=live) | Q(pk__in=drafts)):
        texts |= dict.fromkeys(_in_index(version))
    return _in_every_form(texts)


def short_texts(base_id: int) -> list[str]:
    """Return the short passages that are spoken as written when the match is sure, in the same forms."""
    if KnowledgeBase.objects.filter(pk=base_id, phrasing=Phrasing.MODEL).exists():
        return []
    chunks = Chunk.objects.filter(document__base_id=base_id, is_active=True).exclude(
        document__kind=DocumentKind.DECLINED
    )
    texts = chunks.order_by("document_id", "position").values_list("text", flat=True)
    return _in_every_form([text for text in texts[: 4 * MAX_TEXTS] if len(text) <= MAX_CHARS][:MAX_TEXTS])


def _in_every_form(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(form for text in texts for form in forms(text)))


def forms(text: str) -> list[str]:
    """Return the forms in which an entry may be spoken: whole, and without its bare yes or no."""
    answer = bare_answer(text)
    return [text, answer.rest] if answer and len(answer.rest) > 1 else [text]


def _in_index(version: IndexVersion) -> list[str]:
    try:
        with Manifest.read(manifest_path(version.collection_name)) as manifest:
            return manifest.spoken_texts()
    except sqlite3.OperationalError:
        return []  # calls find nothing in it either: the next version is built from the documents
