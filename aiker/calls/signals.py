"""What a saved or deleted row sets off: a call takes its audio along, a new text or voice asks for audio."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from aiker.calls.models import Assistant, Call, MenuItem, RehearsalAnswer, Tool
from aiker.calls.tasks import request_phrases
from engines.models import BackendProfile, EngineConfig, Route
from engines.voices.models import VoiceProfile
from knowledge.models import Document, LexiconEntry


@receiver(post_delete, sender=Call)
def delete_recording(instance: Call, **_: Any) -> None:
    if instance.recording:
        storage, name = instance.recording.storage, str(instance.recording.name)
        transaction.on_commit(lambda: storage.delete(name))


@receiver(post_delete, sender=RehearsalAnswer)
def delete_audio(instance: RehearsalAnswer, **_: Any) -> None:
    for file in instance.audio_files:
        transaction.on_commit(partial(file.storage.delete, file.name))


@receiver(m2m_changed, sender=Tool.assistants.through)
@receiver([post_save, post_delete], sender=Tool)
@receiver([post_save, post_delete], sender=Assistant)
@receiver([post_save, post_delete], sender=MenuItem)
def phrases_of_assistant(**_: Any) -> None:
    transaction.on_commit(request_phrases)


@receiver([post_save, post_delete], sender=Document)
def phrases_of_document(instance: Document, **_: Any) -> None:
    _request_if_answered(Q(knowledge_base=instance.base_id))


@receiver([post_save, post_delete], sender=LexiconEntry)
def phrases_of_reading(instance: LexiconEntry, **_: Any) -> None:
    _request_if_answered(Q(knowledge_base=instance.base_id))


@receiver(post_save, sender=VoiceProfile)
def phrases_of_voice(instance: VoiceProfile, **_: Any) -> None:
    if instance.published:
        _request_if_answered(Q(voice_profile=instance))


@receiver(post_save, sender=BackendProfile)
def phrases_of_profile(instance: BackendProfile, **_: Any) -> None:
    _request_if_answered(Q(profile=instance))


@receiver([post_save, post_delete], sender=Route)
def phrases_of_route(instance: Route, **_: Any) -> None:
    _request_if_answered(Q(profile=instance.profile_id))


@receiver(post_save, sender=EngineConfig)
def phrases_of_engine(instance: EngineConfig, **_: Any) -> None:
    _request_if_answered(Q(profile__routes__engine=instance))


def _request_if_answered(by: Q) -> None:
    """Ask for audio when an assistant that answers calls is concerned."""
    if Assistant.objects.filter(by, is_active=True).exists():
        transaction.on_commit(request_phrases)
