"""What must be true before callers hear a voice.

::

    obstacles(voice)               # [] when it may be published
    publish(voice, request.user)   # ValidationError names every obstacle
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from engines.voices.figures import figures
from engines.voices.identity import identity_obstacles
from engines.voices.models import VoiceProfile, VoiceState


def obstacles(voice: VoiceProfile) -> list[str]:
    """Return each thing that keeps ``voice`` from being published."""
    found = [*identity_obstacles(voice), *consent_obstacles(voice)]
    for sample in voice.samples.all():
        found += [f"{sample}: {figure}" for figure in figures(sample.verdict) if not figure.ok]
    if voice.clones and not voice.samples.exists():
        found.append(_("There is no recording to clone."))
    if voice.state != VoiceState.READY or voice.is_outdated:
        found.append(_("It is not prepared from what is set now."))
    found += [str(figure) for figure in figures(voice.scorecard.get("figures", [])) if not figure.ok]
    return found


def consent_obstacles(voice: VoiceProfile) -> list[str]:
    """Return what is missing of the speaker's consent; a voice without recordings is nobody's."""
    samples = voice.samples.all()
    if not samples or voice.is_synthetic:
        return []
    missing = {
        _("who the speaker is"): voice.speaker,
        _("the signed statement"): voice.consent,
        _("the day it was given"): voice.consented_on,
    }
    return [
        _("The speaker's consent is not recorded: %(what)s is missing.") % {"what": what}
        for what, given in missing.items()
        if not given
    ]


def publish(voice: VoiceProfile, user: Any) -> None:
    """Let calls use the voice as it is prepared now, from the next call on."""
    found = obstacles(voice)
    if found:
        raise ValidationError(found)
    voice.published = voice.prepared
    names = voice.names.select_related("engine")
    voice.published_names = {name.engine.slug if name.engine else "": name.voice for name in names}
    voice.published_at = timezone.now()
    voice.published_by = user
    voice.save(update_fields=["published", "published_names", "published_at", "published_by"])
