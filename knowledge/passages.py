"""What of a document goes into an index: its passages, and the texts by which each is found.

::

    passages = passages_of(document)             # with its chunks prefetched
    fingerprint(passages)                        # equal exactly when the index would be

Pure: no database beyond the rows that are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from knowledge import chunking
from knowledge.models import Document, hash_of
from knowledge.models.content import DocumentKind


@dataclass(frozen=True, slots=True)
class SearchText:
    """A text to embed. ``id`` names its vector by passage and text: one that stays is never made again."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage as an index holds it. ``spoken`` is said word for word; empty: the model answers."""

    chunk_id: int
    document_id: int
    key: str
    title: str
    text: str
    spoken: str
    valid_from: str
    valid_until: str
    declined: bool
    wordings: tuple[str, ...]
    texts: tuple[SearchText, ...]


def passages_of(document: Document) -> list[IndexedPassage]:
    """Return the passages of a document that are in use; dates as ISO, empty where there is no bound."""
    found: list[IndexedPassage] = []
    for chunk in document.chunks.all():
        if not chunk.is_active:
            continue
        first = not found
        wordings = chunking.wordings(document) if first else ()
        texts = chunking.search_texts(document, chunk.text, first=first)
        found.append(
            IndexedPassage(
                chunk_id=chunk.pk,
                document_id=document.pk,
                key=document.key,
                title=document.title,
                text=chunk.text,
                spoken=document.answer if document.verbatim else "",
                valid_from=document.valid_from.isoformat() if document.valid_from else "",
                valid_until=document.valid_until.isoformat() if document.valid_until else "",
                declined=document.kind == DocumentKind.DECLINED,
                wordings=tuple(wordings),
                texts=tuple(SearchText(vector_id(chunk.pk, text), text) for text in texts),
            )
        )
    return found


def vector_id(chunk_id: int, text: str) -> str:
    return f"{chunk_id}-{hash_of(text)[:16]}"


def chunk_of(vector: str) -> int:
    """Return the passage that a vector leads to."""
    return int(vector.partition("-")[0])


def fingerprint(passages: Sequence[IndexedPassage]) -> str:
    """Return what tells two states of a document apart, as an index sees them."""
    return hash_of([astuple(passage) for passage in passages])
