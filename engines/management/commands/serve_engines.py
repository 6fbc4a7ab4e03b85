"""``manage.py serve_engines``: the engine server of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from engines.server.app import create_app
from engines.server.launch import installed, threads
from engines.server.stages import Kind, Stage, local_stages

# What still runs then is cut off; a call that is being answered is lost with the server anyway.
GRACE_S = 2


class Command(BaseCommand):
    help = "Serve speech recognition, speech synthesis and embeddings over OpenAI's API (docs/engines.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; there is no login.")
        parser.add_argument("--port", type=int, default=settings.AIKER.engines_port)

    def handle(self, *_args: Any, host: str, port: int, **_options: Any) -> None:
        config = settings.AIKER
        chosen: dict[Kind, str] = {
            "stt": config.stt_model,
            "tts": config.tts_model,
            "embedding": config.embedding_model,
        }
        paths = {kind: installed(model, kind) for kind, model in chosen.items()}
        serve(local_stages(paths, threads(), config.data_dir / "cache"), host, port)


def serve(engines: Sequence[Stage], host: str, port: int) -> None:
    """Serve until a signal; raise CommandError when a model cannot be loaded or the port is taken."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(engines, on_failure=lambda: setattr(server, "should_exit", True)),
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
    if failed := [stage for stage in engines if stage.state == "failed"]:
        raise CommandError(
            _("Cannot load the model %(model)s (%(error)s). Check it with: manage.py models verify %(model)s")
            % {"model": failed[0].model, "error": failed[0].error}
        )
