"""The processes behind a knowledge base, each on its own as ``manage.py start`` runs them.

::

    with Processes(folder) as processes:
        processes.memory_mb()       # {"chroma": 210.0, "engine server": 180.0, "indexer": 160.0}

The engine server is the real one with the embedding model alone:
``python -m bench.knowledge_processes PORT``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

READY_S = 120.0


class Processes:
    """Chroma, the engine server and the indexer; Django is set up, and its settings say which ports."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._stack = ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        from django.conf import settings

        from aiker.management.commands.start import chroma_command, manage_py

        config = settings.AIKER
        commands = {
            "chroma": chroma_command(config),
            "engine server": [sys.executable, "-m", "bench.knowledge_processes", str(config.engines_port)],
            "indexer": manage_py("indexer"),
        }
        for name, command in commands.items():
            log = self._stack.enter_context((self._logs / f"{name}.log").open("wb"))
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log)
        answers(f"http://127.0.0.1:{config.chroma_port}/api/v2/heartbeat")
        answers(f"http://127.0.0.1:{config.engines_port}/health")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()
        self._stack.close()

    def memory_mb(self) -> dict[str, float]:
        """Return the resident memory of each process."""
        found = {name: resident_mb(process.pid) for name, process in self._running.items()}
        return found | {"searching process": resident_mb()}


def resident_mb(pid: int | None = None) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def answers(url: str) -> None:
    """Return when the URL answers 200."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            httpx.get(url, timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def serve_embeddings(port: int) -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
    import django

    django.setup()
    from django.conf import settings

    from engines.backends.embedding import BGEOnnx
    from engines.management.commands.serve_engines import serve
    from engines.registry import Place
    from engines.server.launch import threads
    from engines.server.stages import stages_for

    model = settings.AIKER.embedding_model
    place = Place(threads(), settings.AIKER.data_dir / "cache")
    serve(stages_for({model: BGEOnnx(model=model)}, place), "127.0.0.1", port)


if __name__ == "__main__":
    serve_embeddings(int(sys.argv[1]))
