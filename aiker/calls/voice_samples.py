"""A voice heard before it is chosen, and the engines that would not speak with it.

::

    wav = voice_sample("zf_xiaobei", profile="")       # EngineError, ProfileError
    engines_without_voice(assistant)                   # ["Kokoro"]: callers hear another voice there

They read the database and wait for the engine: not for the event loop.
"""

from __future__ import annotations

import asyncio

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from aiker.calls.models import Assistant
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.models import BackendProfile
from engines.profiles import ProfileError, engine_plan
from engines.routing import Breakers, Routes
from engines.voices.casting import without_voice
from engines.voices.choices import unknown_voice

SENTENCE = "您好，很高兴为您服务，请问有什么可以帮您？"
LANGUAGE = "zh"


def voice_sample(voice: str, profile: str) -> bytes:
    """Return a WAV of a sentence in ``voice``, by a published profile (its key; empty: the own engine)."""
    published = BackendProfile.objects.filter(is_published=True)
    chosen = published.filter(pk=profile).first() if profile.isdecimal() else None
    if problem := unknown_voice(chosen, LANGUAGE, voice):
        raise EngineError("tts", "refused", problem)
    adapter = TTSAdapter(Routes("tts", engine_plan(chosen, LANGUAGE).tts, Breakers()), voice)
    return wav_bytes(g711.RATE, g711.decode(asyncio.run(adapter.synthesize(SENTENCE))))


def engines_without_voice(assistant: Assistant) -> list[str]:
    """Return the engines of the assistant's calls that do not know its published voice."""
    voice = assistant.voice_profile
    if voice is None:
        return []
    try:
        plan = engine_plan(assistant.profile, assistant.language)
    except ProfileError:
        return []  # no call is answered at all; the list of profiles says why
    return without_voice(plan.tts, voice)
