"""Servers of language models on this machine (``ServerBackend``): which are to run, what is in the way.

::

    for slug, (engine, backend) in servers_to_run().items():
        server_problems(engine, backend)     # [] when it can be started

Both read the database: not for the event loop.
"""

from __future__ import annotations

import shutil

from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import ValidationError as ParametersError

from engines.models import EngineConfig
from engines.registry import BackendSpec, ModelFilesError, RegistryError, ServerBackend
from engines.secrets import SecretsError

OWN_PORTS = ("port", "engines_port", "llm_port", "chroma_port")


def servers_to_run() -> dict[str, tuple[EngineConfig, ServerBackend]]:
    """Return the engines that a profile names and that are servers of this machine, by slug.

    One whose parameters cannot be read is left out: ``engine_problems`` names it.
    """
    found = {}
    for engine in EngineConfig.objects.filter(route__isnull=False).distinct():
        try:
            built = engine.build()
        except (RegistryError, SecretsError, ParametersError):
            continue
        if isinstance(built, ServerBackend):
            found[engine.slug] = (engine, built)
    return found


def missing_programs(spec: BackendSpec) -> tuple[str, ...]:
    """Return what a backend runs and is not installed here."""
    if not issubclass(spec.parameters, ServerBackend):
        return ()
    program = spec.parameters.program()
    return () if shutil.which(program) else (program,)


def server_problems(engine: EngineConfig, backend: ServerBackend) -> list[str]:
    """Return what keeps a server, whose model is installed, from being started."""
    found = []
    for program in missing_programs(backend.spec):
        text = _("The program %(program)s is not installed.") % {"program": program}
        found.append(f"{text} {backend.remedy()}")
    try:
        backend.arguments()
    except ModelFilesError as exc:
        found.append(str(exc))
    return found + _port_problems(engine, backend.port)


def _port_problems(engine: EngineConfig, port: int) -> list[str]:
    holders = [f"AIKER_{name.upper()}" for name in OWN_PORTS if getattr(settings.AIKER, name) == port]
    others = servers_to_run()
    holders += [other.name for other, built in others.values() if built.port == port and other != engine]
    return [
        _("The port %(port)d is that of %(holder)s, too.") % {"port": port, "holder": holder}
        for holder in holders
    ]
