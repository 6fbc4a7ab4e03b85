"""What the worker does for voices."""

from __future__ import annotations

import subprocess
import sys

from django.utils.translation import gettext as _
from django_tasks import task

from aiker.config import BASE_DIR
from engines.voices.models import VoiceProfile, VoiceState


@task()
def prepare_voice(pk: int) -> None:
    """Prepare a voice in a process of its own: what it loads would stay in the worker for ever."""
    voice = VoiceProfile.objects.filter(pk=pk).first()
    if voice is None or (voice.state == VoiceState.READY and not voice.is_outdated):
        return  # deleted, or an earlier task has seen to it
    command = [sys.executable, str(BASE_DIR / "manage.py"), "prepare_voice", voice.slug]
    status = subprocess.run(command, check=False).returncode
    voice.refresh_from_db()
    if status and voice.state != VoiceState.FAILED:
        voice.state = VoiceState.FAILED
        voice.error = _("The process ended with status %(status)s; the worker's log has its last lines.") % {
            "status": status
        }
        voice.save(update_fields=["state", "error"])


def request_preparation(voice: VoiceProfile) -> None:
    """Have the voice prepared by the worker; for ``transaction.on_commit``."""
    VoiceProfile.objects.filter(pk=voice.pk).update(state=VoiceState.PREPARING, error="")
    prepare_voice.enqueue(voice.pk)
