"""What changed between two texts, and between two states of a document, for people to read.

::

    diff("日卡80元。", "日卡90元一天。")
    # [Piece("日卡", "same"), Piece("80", "removed"), Piece("90", "inserted"), ...]
    changes(before, after)     # contents of a document: a FieldChange for each field that differs

Compared sentence by sentence first, then character by character inside sentences that changed: Chinese has no
spaces to find words by, and characters read well as long as most of a sentence stayed. A number, or a word in
Latin letters, is one character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from knowledge.chunking import SENTENCE_END
from knowledge.models import Document

ALIKE = 0.4
"""Below this share of equal characters, a new sentence is easier to read than the old one corrected."""
MOST_CHARACTERS = 2000
"""A longer passage is shown as replaced: the comparison takes time by the square of the length."""

CHARACTER = re.compile(r"\d+(?:[.,]\d+)*|[A-Za-z]+|.", re.DOTALL)

Kind = Literal["same", "removed", "inserted"]


class Piece(NamedTuple):
    text: str
    kind: Kind


class FieldChange(NamedTuple):
    """A field by the name that operators know, and what became of its text."""

    label: str
    pieces: list[Piece]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """Return a change for each field of ``after`` whose value differs from the one in ``before``."""
    return [
        FieldChange(label(name), diff(shown(name, before.get(name)), shown(name, value)))
        for name, value in after.items()
        if before.get(name) != value
    ]


def label(name: str) -> str:
    if name == "passages":
        return capfirst(_("passages"))
    names = {field.name: field.verbose_name for field in Document._meta.concrete_fields}
    return capfirst(str(names[name]))


def shown(name: str, value: Any) -> str:
    """Return a value of ``Document.content()`` as an operator would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "passages":
        return "\n".join(item["text"] if item["used"] else f"✗ {item['text']}" for item in value)
    if name == "kind":
        return str(dict(Document._meta.get_field("kind").flatchoices)[value])
    return "\n".join(value) if isinstance(value, list) else str(value)


def diff(before: str, after: str) -> list[Piece]:
    """Return the pieces of both texts in reading order; without the removed ones they are ``after``."""
    old, new = SENTENCE_END.split(before), SENTENCE_END.split(after)
    pieces: list[Piece] = []
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed, inserted = "".join(old[a1:a2]), "".join(new[b1:b2])
        pieces += [Piece(removed, "same")] if tag == "equal" else characters(removed, inserted)
    return [piece for piece in pieces if piece.text]


def characters(before: str, after: str) -> Iterator[Piece]:
    old, new = CHARACTER.findall(before), CHARACTER.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > MOST_CHARACTERS or matcher.ratio() < ALIKE:
        yield from (Piece(before, "removed"), Piece(after, "inserted"))
        return
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("".join(old[a1:a2]), "same")
        else:
            yield from (Piece("".join(old[a1:a2]), "removed"), Piece("".join(new[b1:b2]), "inserted"))
