"""What leaves with a voice: its files. Nobody's voice stays on disk after it was deleted."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from engines.voices.latents import voices_store
from engines.voices.models import VoiceProfile, VoiceSample


@receiver(post_delete, sender=VoiceSample)
def delete_recording(instance: VoiceSample, **_kwargs: Any) -> None:
    instance.recording.delete(save=False)


@receiver(post_delete, sender=VoiceProfile)
def delete_voice(instance: VoiceProfile, **_kwargs: Any) -> None:
    for stored in (instance.consent, instance.preview):
        stored.delete(save=False)
    voices_store().remove_others(f"{instance.slug}-", keep=set())
