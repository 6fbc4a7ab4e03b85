"""One entry as a JSON value: everything that is needed to write its rows again, ids included.

::

    state = state_of(document)              # the document with its chunks prefetched
    text = dumps(state); state == loads(text)
    says_the_same(state, other)             # the same to a reader; ids may differ

Ids are kept because an index names its passages by them: an entry that is restored with the ids it had is
the entry that an older index still holds, and needs no new vectors. Pure.
"""

from __future__ import annotations

import datetime
import json
import zlib
from collections.abc import Mapping
from typing import Any, TypedDict

from knowledge.models import Document
from knowledge.text_diff import FieldChange, changes


class EntryState(TypedDict):
    """``content`` is ``Document.content()``; ``passages`` are ``[chunk id, text, used]`` in their order."""

    id: int
    key: str
    content: dict[str, Any]
    source: str
    source_hash: str
    is_sample: bool
    passages_by_hand: bool
    passages: list[list[Any]]


Entries = dict[str, EntryState]
"""The entries of a base by their key."""

DATES = ("valid_from", "valid_until")


def state_of(document: Document) -> EntryState:
    """Return the document as it is."""
    return EntryState(
        id=document.pk,
        key=document.key,
        content=document.content(),
        source=document.source,
        source_hash=document.source_hash,
        is_sample=document.is_sample,
        passages_by_hand=document.passages_by_hand,
        passages=[[chunk.pk, chunk.text, chunk.is_active] for chunk in document.chunks.all()],
    )


def fill(document: Document, state: EntryState) -> Document:
    """Give the document, unsaved, the values of ``state``; its passages are rows of their own."""
    for name, value in state["content"].items():
        is_date = name in DATES and value
        setattr(document, name, datetime.date.fromisoformat(value) if is_date else value)
    document.source, document.source_hash = state["source"], state["source_hash"]
    document.is_sample, document.passages_by_hand = state["is_sample"], state["passages_by_hand"]
    return document


def says_the_same(one: EntryState | None, other: EntryState | None) -> bool:
    """Whether a reader and a caller would find no difference; both may be missing."""
    if one is None or other is None:
        return one is other
    return readable(one) == readable(other)


def readable(state: EntryState) -> dict[str, Any]:
    """Return what a reader sees of an entry: its fields, and its passages where they were edited by hand."""
    passages = {"passages": passages_in(state)} if state["passages_by_hand"] else {}
    return {**state["content"], **passages}


def passages_in(state: EntryState) -> list[dict[str, Any]]:
    return [{"text": text, "used": used} for _id, text, used in state["passages"]]


def changes_between(old: EntryState | None, new: EntryState | None) -> list[FieldChange]:
    """Return what changed from one to the other for people to read; nothing when either is missing."""
    if old is None or new is None:
        return []
    before, after = dict(old["content"]), dict(new["content"])
    if old["passages_by_hand"] or new["passages_by_hand"]:
        before["passages"], after["passages"] = passages_in(old), passages_in(new)
    return changes(before, after)


def dumps(state: EntryState) -> str:
    return json.dumps(state, sort_keys=True, separators=(",", ":"))


def loads(text: str) -> EntryState:
    return json.loads(text)


def pack(value: Mapping[str, Any]) -> bytes:
    """Return a JSON value compressed; 10,000 entries are about 1 MB."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpack(data: bytes | memoryview) -> dict[str, Any]:
    return json.loads(zlib.decompress(bytes(data)))
