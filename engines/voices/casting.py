"""What each engine of a call says for a published voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engines.models import EngineConfig
from engines.routing import Endpoint
from engines.voices.models import VoiceProfile


def cast(endpoints: Sequence[Endpoint], voice: VoiceProfile) -> tuple[Endpoint, ...]:
    """Return the speech ``endpoints`` with their name of ``voice``; one that has none keeps its own voice.

    Reads the database: not for the event loop.
    """
    names: dict[str, str] = voice.published_names
    configured = {e.slug: e for e in EngineConfig.objects.filter(slug__in=[e.engine for e in endpoints])}

    def name(endpoint: Endpoint) -> str:
        engine = configured.get(endpoint.engine)
        if engine is None:  # of the settings
            return names.get("", endpoint.voice)
        if engine.slug not in names and _clones(engine, voice):
            return voice.engine_voice(voice.published)
        return names.get(engine.slug, endpoint.voice)

    return tuple(replace(endpoint, voice=name(endpoint)) for endpoint in endpoints)


def without_voice(endpoints: Sequence[Endpoint], voice: VoiceProfile) -> list[str]:
    """Return the engines of ``endpoints`` that do not know ``voice`` and speak with another."""
    configured = {e.slug: e for e in EngineConfig.objects.filter(slug__in=[e.engine for e in endpoints])}
    names: dict[str, str] = voice.published_names
    return [
        engine.name if engine else endpoint.engine
        for endpoint in endpoints
        for engine in [configured.get(endpoint.engine)]
        if (engine.slug if engine else "") not in names and not (engine and _clones(engine, voice))
    ]


def _clones(engine: EngineConfig, voice: VoiceProfile) -> bool:
    """Whether ``engine`` runs the very model that the voice was cloned with."""
    with_it = voice.engine
    if with_it is None or not voice.clones or engine.backend != with_it.backend:
        return False
    return engine.model == with_it.model
