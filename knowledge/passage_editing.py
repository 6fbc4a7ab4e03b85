"""Passages edited by hand: every change keeps the others, asks for indexing and leaves a line of history.

::

    with editing_passages(pk, revision, user) as document:     # the revision that the operator saw
        edit(document, chunk_id, "日卡80元一天。")
    # raises PassageError when the document was changed meanwhile, or the edit makes no sense

The first edit marks the document: its passages then stay when its answer changes, until ``cut_again``. The
history keeps the passages of such documents with each of their states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypedDict

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from knowledge.errors import KnowledgeError
from knowledge.models import Chunk, Document


class Passage(TypedDict):
    """A passage as the history keeps it."""

    text: str
    used: bool


class PassageError(KnowledgeError):
    """Nothing was changed; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__("passages", "refused", message)


@contextmanager
def editing_passages(pk: int, revision: int, user: User | None) -> Iterator[Document]:
    """Give the document if it is still the one the operator saw; save what was done, all or nothing."""
    with transaction.atomic():
        document = Document.objects.select_related("base").select_for_update().get(pk=pk)
        if document.revision != revision:
            raise PassageError(_("The document was changed meanwhile. Look at it again, then repeat."))
        document._history_user = user
        document.passages_by_hand = True
        yield document
        document.save()  # asks for its indexing, and keeps the passages in the history


def edit(document: Document, chunk_id: int, text: str) -> None:
    """Replace the text of a passage."""
    chunk = passage(document, chunk_id)
    chunk.text = meant(text)
    chunk.save()
    note(document, _("Passage {number}: text edited"), chunk)


def split(document: Document, chunk_id: int, text: str, at: int) -> None:
    """Make two passages of one, which has this text now: up to the character ``at``, and from there."""
    chunk = passage(document, chunk_id)
    first, second = text[:at].strip(), text[at:].strip()
    if not (first and second):
        raise PassageError(_("Put the cursor where the passage is to be divided, then press the button."))
    for later in document.chunks.filter(position__gt=chunk.position).order_by("-position"):
        later.position += 1
        later.save()
    chunk.text = first
    chunk.save()
    document.chunks.create(text=second, position=chunk.position + 1, is_active=chunk.is_active)
    note(document, _("Passage {number}: divided"), chunk)


def merge(document: Document, chunk_id: int) -> None:
    """Join a passage with the next one; the two are used if the first is."""
    chunk = passage(document, chunk_id)
    following = document.chunks.filter(position__gt=chunk.position).order_by("position").first()
    if following is None:
        raise PassageError(_("This is the last passage: there is none to join it with."))
    if following.is_active != chunk.is_active:
        raise PassageError(_("One of the two is not used. Use both, or join neither."))
    chunk.text = f"{chunk.text}\n{following.text}"
    chunk.save()
    following.delete()
    number(document)
    note(document, _("Passage {number}: joined with the next"), chunk)


def use(document: Document, chunk_id: int, used: bool) -> None:
    """Let callers hear a passage, or not."""
    chunk = passage(document, chunk_id)
    chunk.is_active = used
    chunk.save()
    note(document, _("Passage {number}: used again") if used else _("Passage {number}: not used"), chunk)


def cut_again(document: Document) -> None:
    """Cut the passages from the answer, and let them follow it from now on; what was edited is given up."""
    document.chunks.filter(is_active=False).update(is_active=True)
    document.passages_by_hand = False  # saving cuts them
    document._change_reason = _("Passages cut again from the answer")


def put(document: Document, passages: Sequence[Passage]) -> None:
    """Make the passages these, as the history kept them; rows whose text stays are kept."""
    rows = {row.text: row for row in document.chunks.all()}
    kept = [rows.pop(item["text"], Chunk(document=document, text=item["text"])) for item in passages]
    document.chunks.exclude(pk__in=[row.pk for row in kept if row.pk]).delete()
    for position, (row, item) in enumerate(zip(kept, passages, strict=True)):
        row.position, row.is_active = position, item["used"]
        row.save()


def as_kept(document: Document) -> list[Passage]:
    """Return the passages as the history keeps them."""
    rows = document.chunks.order_by("position")
    return [Passage(text=row.text, used=row.is_active) for row in rows]


def passage(document: Document, chunk_id: int) -> Chunk:
    chunk = document.chunks.filter(pk=chunk_id).first()
    if chunk is None:
        raise PassageError(_("The passage is no longer there. Look at the document again."))
    return chunk


def meant(text: str) -> str:
    """Return the text of a passage; an empty one is refused."""
    if not text.strip():
        raise PassageError(_("A passage cannot be empty. Take it out of use instead."))
    return text.strip()


def number(document: Document) -> None:
    for position, chunk in enumerate(document.chunks.order_by("position")):
        if chunk.position != position:
            chunk.position = position
            chunk.save()


def note(document: Document, text: str, chunk: Chunk) -> None:
    document._change_reason = text.format(number=chunk.position + 1)
