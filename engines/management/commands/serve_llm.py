"""``manage.py serve_llm``: llama.cpp's OpenAI server with the language model of this machine."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils.translation import gettext as _

from engines.fit import store_measurement
from engines.llm_choice import served_llm
from engines.local.llama_cpp import CONTEXT, SLOTS, server_params, weights_file
from engines.local.llama_packing import packed
from engines.measuring import used_mb
from engines.models import EngineConfig
from engines.server.launch import MAX_LLM_THREADS, installed, threads

logger = logging.getLogger(__name__)

# Speech synthesis must win the cores while the model goes on writing; its words are needed later. But the
# speech of other calls wants them, too: a quarter is left to the model. With a tenth (10) its threads wait
# for each other, and a first token beside speech without end took 3.7 s instead of 2.0 (docs/performance.md).
NICENESS = 5
# Linux groups processes by session and weighs nice values only within a group; each service is a session.
AUTOGROUP = Path("/proc/self/autogroup")


class Command(BaseCommand):
    help = "Serve the language model over OpenAI's API (docs/engines.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; there is no login.")
        parser.add_argument("--port", type=int, default=settings.AIKER.llm_port)
        parser.add_argument(
            "--model",
            default=settings.AIKER.llm_model,
            help="Catalogue id, or the absolute path of a folder with a .gguf file.",
        )
        parser.add_argument("--context", type=int, default=CONTEXT, help="Tokens, shared by all answers.")
        parser.add_argument("--slots", type=int, default=SLOTS, help="Answers that are written at once.")

    def handle(
        self, *_args: Any, host: str, port: int, model: str, context: int, slots: int, **_options: Any
    ) -> None:
        path = weights(served_llm() if model == "auto" else model)
        path = packed(path, settings.AIKER.data_dir / "cache" / "llm")
        began, before = time.perf_counter(), used_mb("cpu")
        stops = (signal.SIGINT, signal.SIGTERM)
        # Blocked before llama.cpp starts its threads, so that none of them takes the signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, stops)
        self.yield_processor()
        _server = start(server_params(path, host, port, threads(MAX_LLM_THREADS), context, slots))
        seconds = time.perf_counter() - began
        logger.info("llm %s ready after %.1f s on port %d", path.parent.name, seconds, port)
        remember_memory(port, used_mb("cpu") - before)
        signal.sigwait(stops)
        # Deleting the server would wait up to 30 s for a reply that streams. It keeps nothing: just end.
        os._exit(0)

    def yield_processor(self) -> None:
        os.nice(NICENESS)
        leads_session = os.getsid(0) == os.getpid()
        if not (leads_session and AUTOGROUP.exists()):
            return
        try:
            AUTOGROUP.write_text(str(NICENESS))
        except OSError as exc:
            # The kernel refuses the root group, which some containers run in. Replies are only slower.
            logger.warning("llm keeps its processor share: %s: %s", AUTOGROUP, exc.strerror)


def remember_memory(port: int, measured_mb: float) -> None:
    """Keep what the model takes, for the engines of the admin that lead to this server."""
    try:
        here = Q(backend="openai-llm", parameters__base_url=f"http://127.0.0.1:{port}/v1")
        here |= Q(backend="llama.cpp", parameters__port=port)
        slugs = list(EngineConfig.objects.filter(here).values_list("slug", flat=True))
    except DatabaseError as exc:
        logger.warning("the measured memory was not stored: %s", exc)
        return
    store_measurement(slugs, "cpu", measured_mb)
    connection.close()


def weights(model: str) -> Path:
    """Return the GGUF file of a model of the catalogue or in a folder, or raise CommandError."""
    folder = Path(model) if model.startswith("/") else installed(model, "llm")
    path = weights_file(folder)
    if path is None:
        raise CommandError(_("%(folder)s has no .gguf file, which llama.cpp needs.") % {"folder": folder})
    return path


def start(params: Any) -> Any:
    """Return the running server; it stops when it is deleted. Raises CommandError when it cannot start."""
    import xllamacpp

    try:
        return xllamacpp.Server(params)
    except (RuntimeError, ValueError) as exc:
        raise CommandError(
            _("The language model cannot be served (%(error)s). Is port %(port)s taken? See the lines above.")
            % {"port": params.port, "error": exc}
        ) from exc
