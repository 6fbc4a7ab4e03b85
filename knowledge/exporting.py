"""A base as a file of the documented schema: what ``load_knowledge`` reads, written back.

::

    Path("onesuite.json").write_text(export(base), encoding="utf-8")

Loaded into an empty base and exported again, the file is the same. Not in it: passages edited by hand, and
the history. A base that no file can hold raises LoadError, which names each document and field.
"""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.loaders import check
from knowledge.models import KnowledgeBase


def export(base: KnowledgeBase) -> str:
    """Return the JSON text; fields that say nothing are left out."""
    documents = list(base.documents.order_by("pk"))
    if not documents:
        raise LoadError(_("{base} has no documents. There is nothing to export.").format(base=base.name))
    entries: list[dict[str, Any]] = [{"id": document.key, **document.content()} for document in documents]
    head = {
        "sample": all(document.is_sample for document in documents),
        "notice": base.description,
        "business": base.name,
    }
    data = check({**head, "entries": entries}, base.slug)
    value = data.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
