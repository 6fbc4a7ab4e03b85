"""What the readers find, and how it becomes entries with stable ids.

::

    drafts = [Draft(place="Row 2", names=("押金多少",), title="押金多少", answer="2个月租金。")]
    collect(drafts, upload).entries[0].id      # "价目表/押金多少-c08cca95"

An id is made of the file's name and of ``names``: the path of headings, or the sheet and the key of the row.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from knowledge.loaders import MAX_ENTRIES, BusinessData, Kind, check, refuse_duplicates, too_many
from knowledge.readers.upload import Upload

MAX_SLUG = 60
MAX_TITLE = 200
MAX_CATEGORY = 100


@dataclass(frozen=True)
class Draft:
    """An entry before it has an id; ``id`` is the one the file gives, if any."""

    place: str
    names: tuple[str, ...]
    title: str
    answer: str
    kind: Kind = "faq"
    category: str = ""
    question: str = ""
    alternative_questions: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    id: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


def collect(drafts: Iterable[Draft], upload: Upload) -> BusinessData:
    """Return the drafts as checked entries; raise LoadError that names the place of what does not fit."""
    entries: list[dict[str, Any]] = []
    places: list[str] = []
    used: Counter[str] = Counter()
    for draft in drafts:
        upload.check_time()
        if len(entries) == MAX_ENTRIES:
            raise too_many(upload.file)
        entries.append(entry_of(draft, upload.stem, used))
        places.append(draft.place)
    if not entries:
        raise upload.error(
            _("{file}: no entries were found in it. See docs/knowledge.md for what it may hold.")
        )
    data = check({"notice": upload.notice(), "entries": entries}, upload.file, places)
    refuse_duplicates(data, upload.file, places)
    return data


def entry_of(draft: Draft, stem: str, used: Counter[str]) -> dict[str, Any]:
    """Return a draft as the schema has it; of equal ids that were made here the later ones are numbered."""
    key = given_id(draft, stem)
    if not key:
        key = made_id(stem, draft.names)
        used[key] += 1
        key = key if used[key] == 1 else f"{key}#{used[key]}"
    return {
        "id": key,
        "category": draft.category or stem[:MAX_CATEGORY],
        "title": draft.title,
        "question": draft.question,
        "alternative_questions": draft.alternative_questions,
        "answer": draft.answer,
        "tags": draft.tags,
        "kind": draft.kind,
        "valid_from": draft.valid_from and draft.valid_from.isoformat(),
        "valid_until": draft.valid_until and draft.valid_until.isoformat(),
    }


def given_id(draft: Draft, stem: str) -> str:
    """Return the id the file gives, without spaces.

    A number alone counts the rows of its sheet and says nothing outside of it, so the file and the sheet are
    put before it; otherwise two files would overwrite each other's entries.
    """
    key = re.sub(r"\s+", "-", draft.id.strip())
    return "/".join([*map(slug, (stem, *draft.names[:-1])), key]) if key.isdigit() else key


def made_id(stem: str, names: tuple[str, ...]) -> str:
    """Return a readable id: two different paths differ in the hash even where their last names are alike."""
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()[:8]
    return f"{slug(stem)}/{slug(names[-1])}-{digest}"


def slug(text: str) -> str:
    """Return the letters and digits of a text, of any script, with hyphens between its words."""
    return re.sub(r"[\W_]+", "-", text).strip("-")[:MAX_SLUG] or "-"
