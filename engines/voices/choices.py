"""Which voices an assistant can be given, and whether an engine profile knows the one it has.

::

    voice_choices("zh")                            # [("zf_xiaobei", "女声 · zf_xiaobei"), ...]
    unknown_voice(profile, "zh", "no_such_voice")  # why it cannot be heard, or ""

Both read the database and the folders of the models: not for the event loop.
"""

from __future__ import annotations

import re

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from engines.models import BackendProfile, Route, StageChoice
from engines.names import voice_problem
from engines.registry import Backend, RegistryError
from engines.secrets import SecretsError
from engines.voices.own_engine import own_tts

_GENDER = re.compile(r"[a-z]([fm])_")


def voice_choices(language: str) -> list[tuple[str, str]]:
    """Return the voices for ``language`` of this machine's own engine and of the published profiles."""
    published = Route.objects.filter(profile__is_published=True, engine__stage=StageChoice.TTS)
    engines = [own_tts(), *_built(published)]
    names = dict.fromkeys(name for engine in engines for name in engine.known_voices(language) or ())
    return [(name, voice_label(name)) for name in names]


def voice_label(name: str) -> str:
    """Return a voice's name with whether it is a woman's or a man's, where its name tells."""
    found = _GENDER.match(name)
    if not found:
        return name
    return f"{_('woman') if found[1] == 'f' else _('man')} · {name}"


def unknown_voice(profile: BackendProfile | None, language: str, voice: str) -> str:
    """Return why an engine of ``profile`` (None: this machine's own) cannot speak with ``voice``.

    Engines with a voice of their own, and those whose voices nobody here knows, are passed over.
    """
    if profile is None:
        return voice_problem(own_tts(), voice, language)
    engines = _built(Route.objects.filter(profile=profile, engine__stage=StageChoice.TTS))
    asked = (engine for engine in engines if not getattr(engine, "voice", ""))
    return next((problem for engine in asked if (problem := voice_problem(engine, voice, language))), "")


def _built(routes: QuerySet[Route]) -> list[Backend]:
    found = []
    for route in routes.select_related("engine"):
        try:
            found.append(route.engine.build())
        except (RegistryError, SecretsError, ValueError):
            continue  # the page of the engine says what is wrong with it
    return found
