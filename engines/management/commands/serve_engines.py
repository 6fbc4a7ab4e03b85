"""``manage.py serve_engines``: the engine server of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from engines.backends.embedding import BGEOnnx
from engines.backends.stt import FasterWhisper
from engines.backends.tts import Kokoro
from engines.fit import store_measurement
from engines.models import EngineConfig
from engines.profiles import engine_problems
from engines.registry import LocalBackend, Place
from engines.server.app import create_app
from engines.server.launch import installed, threads
from engines.server.stages import Stage, stages_for

logger = logging.getLogger(__name__)

# What still runs then is cut off; a call that is being answered is lost with the server anyway.
GRACE_S = 2


class Command(BaseCommand):
    help = "Serve speech recognition, speech synthesis and embeddings over OpenAI's API (docs/engines.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; there is no login.")
        parser.add_argument("--port", type=int, default=settings.AIKER.engines_port)

    def handle(self, *_args: Any, host: str, port: int, **_options: Any) -> None:
        place = Place(threads(), settings.AIKER.data_dir / "cache")

        def wanted() -> list[Stage]:
            mine = engines_of_settings()
            return stages_for(mine, place, self.engines_of_profiles() | self.models_of_live_indexes())

        serve(wanted(), host, port, wanted)

    def engines_of_profiles(self) -> dict[str, LocalBackend]:
        """Return the local engines that a profile names; one that cannot work is named and left out."""
        found: dict[str, LocalBackend] = {}
        try:
            configured = list(EngineConfig.objects.filter(route__isnull=False).distinct())
        except DatabaseError as exc:
            logger.warning("only the engines of the settings are served: %s", exc)
            return found
        finally:
            connection.close()  # asked for now and then, from a thread of its own
        for engine in configured:
            problems = engine_problems(engine)
            if problems:
                logger.warning("%s is not served: %s", engine.slug, "; ".join(problems))
            elif isinstance(built := engine.build(), LocalBackend):
                found[engine.slug] = built
        return found

    def models_of_live_indexes(self) -> dict[str, LocalBackend]:
        """Return the embedders that calls ask until the index by the model of the settings is live."""
        found: dict[str, LocalBackend] = {}
        try:
            bases = apps.get_model("knowledge", "KnowledgeBase").objects.exclude(active_version=None)
            models = set(bases.values_list("active_version__embedding_model", flat=True))
        except DatabaseError as exc:
            logger.warning("only the engines of the settings are served: %s", exc)
            return found
        finally:
            connection.close()
        for model in models - {settings.AIKER.embedding_model}:
            engine = BGEOnnx(model=model)
            try:
                installed(engine.model, engine.spec.stage, engine.spec.formats)
            except CommandError as exc:
                logger.warning("%s is not served, though an index is of it: %s", model, exc)
            else:
                found[model] = engine
        return found


def engines_of_settings() -> dict[str, LocalBackend]:
    """Return the default engines by their catalogue ids; CommandError when a model is not installed."""
    config = settings.AIKER
    engines = (
        FasterWhisper(model=config.stt_model),
        Kokoro(model=config.tts_model),
        BGEOnnx(model=config.embedding_model),
    )
    for engine in engines:
        installed(engine.model, engine.spec.stage, engine.spec.formats)
    return {engine.model: engine for engine in engines}


def remember_memory(stage: Stage) -> None:
    """Keep what a loaded stage takes, for the engines of the admin that it serves."""
    try:
        store_measurement({stage.model, *stage.aliases}, stage.device, stage.memory_mb or 0)
    finally:
        connection.close()  # a thread of its own


def serve(
    engines: Sequence[Stage], host: str, port: int, wanted: Callable[[], Sequence[Stage]] | None = None
) -> None:
    """Serve until a signal; raise CommandError when a model cannot be loaded or the port is taken."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(engines, lambda: setattr(server, "should_exit", True), wanted, remember_memory),
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    with suppress(KeyboardInterrupt):
        server.run()
    if failed := [stage for stage in engines if stage.state == "failed" and stage.required]:
        raise CommandError(
            _("Cannot load the model %(model)s (%(error)s). Check it with: manage.py models verify %(model)s")
            % {"model": failed[0].model, "error": failed[0].error}
        )
