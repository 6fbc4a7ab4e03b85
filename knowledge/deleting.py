"""What is deleted with a knowledge base, told before it is.

::

    hanging = what_hangs_on(base)
    hanging.rows[Document]         # 103
    str(hanging)                   # "门店知识: 103 documents, 2 index versions (one is live). Assistants ..."
"""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase, Upload


@dataclass(frozen=True)
class Hanging:
    """The rows that go with a base, by model, and the assistants that answer from it."""

    base: KnowledgeBase
    rows: dict[type[models.Model], int]
    assistants: list[str]

    def __str__(self) -> str:
        counted = {
            Document: ngettext("{count} document", "{count} documents", self.rows[Document]),
            IndexVersion: ngettext(
                "{count} index version", "{count} index versions", self.rows[IndexVersion]
            ),
            GoldenQuestion: ngettext(
                "{count} golden question", "{count} golden questions", self.rows[GoldenQuestion]
            ),
            Upload: ngettext("{count} upload", "{count} uploads", self.rows[Upload]),
        }
        parts = [text.format(count=self.rows[model]) for model, text in counted.items() if self.rows[model]]
        sentences = [
            _("{base}: {parts}.").format(base=self.base, parts=_(", ").join(parts) or _("nothing in it"))
        ]
        if self.base.active_version_id:
            sentences.append(_("Callers hear it now; from the moment it is deleted they do not."))
        if self.assistants:
            text = _("Assistants that answer from it, and will have no knowledge: {names}.")
            sentences.append(text.format(names=_(", ").join(self.assistants)))
        return " ".join(sentences)


def what_hangs_on(base: KnowledgeBase) -> Hanging:
    """Return what would be deleted with a base, without loading it."""
    counted = (Document, IndexVersion, GoldenQuestion, Upload)
    rows: dict[type[models.Model], int] = {
        model: model._default_manager.filter(base=base).count() for model in counted
    }
    assistants = apps.get_model("calls", "Assistant").objects.filter(knowledge_base=base)
    return Hanging(base, rows, [str(assistant) for assistant in assistants])
