"""A deleted call takes its audio along."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from aiker.calls.models import Call


@receiver(post_delete, sender=Call)
def delete_recording(instance: Call, **_: Any) -> None:
    if instance.recording:
        storage, name = instance.recording.storage, str(instance.recording.name)
        transaction.on_commit(lambda: storage.delete(name))
