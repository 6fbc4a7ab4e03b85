"""Which engines a call needs here, and whether they answer.

::

    for needed in engine_addresses():     # reads the database
        needed.name, needed.url           # "llm", "http://127.0.0.1:8102/health"
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from aiker.calls.models import Assistant
from engines.models import StageChoice
from engines.servers import servers_to_run


@dataclass(frozen=True, slots=True)
class Needed:
    """A server on this machine; it is well when a GET of ``url`` answers 200."""

    name: str
    url: str
    kind: str = ""  # the stage, where the server has one


def engine_addresses() -> list[Needed]:
    """Return the servers that calls need: the engine server, and those of language models in use.

    A vendor's API is not among them: it answers nothing without a key, and a profile has its fallbacks.
    """
    config = settings.AIKER
    found = [Needed("engines", f"http://127.0.0.1:{config.engines_port}/health")]
    if Assistant.objects.filter(is_active=True, profile=None).exists():
        found.append(Needed("llm", f"http://127.0.0.1:{config.llm_port}/health", StageChoice.LLM.value))
    return found + [
        Needed(slug, server.health_url, StageChoice.LLM.value)
        for slug, (_engine, server) in servers_to_run().items()
    ]
