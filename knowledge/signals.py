"""What a saved or deleted document sets off, whoever saved it (admin, import, shell)."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from simple_history.signals import pre_create_historical_record

from knowledge import editing, passage_editing
from knowledge.models import Document, KnowledgeBase


@receiver(post_save, sender=Document)
def index_saved(instance: Document, raw: bool, **_kwargs: Any) -> None:
    if raw:  # a fixture brings its passages itself
        return
    if not instance.passages_by_hand:
        editing.cut(instance)
    editing.touch(instance)


@receiver(post_delete, sender=Document)
def index_deleted(instance: Document, origin: Any, **_kwargs: Any) -> None:
    # The origin is a base, or a query for several: the versions go with them.
    if getattr(origin, "model", type(origin)) is not KnowledgeBase:
        editing.touch(instance)


@receiver(pre_create_historical_record, sender=Document.history.model)
def keep_passages(instance: Document, history_instance: Any, **_kwargs: Any) -> None:
    """Passages that were edited by hand cannot be cut again from the answer: the history has to keep them."""
    if instance.passages_by_hand and instance.pk:
        history_instance.passages = passage_editing.as_kept(instance)
