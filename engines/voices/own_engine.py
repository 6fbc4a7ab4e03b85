"""The speech engine that this machine has without any profile."""

from __future__ import annotations

from django.conf import settings

from engines.backends.tts import Kokoro


def own_tts() -> Kokoro:
    """Return the engine of the settings that speaks where no other is chosen."""
    return Kokoro(model=settings.AIKER.tts_model)
