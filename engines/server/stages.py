"""What the engine server runs: one stage per model, loaded in the stage's own thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engines.server.queue import StageQueue

logger = logging.getLogger(__name__)

Kind = Literal["stt", "tts", "embedding"]
State = Literal["loading", "ready", "failed"]


@dataclass
class Stage:
    """One model and the line in front of it; ``load`` builds the engine (see ``engines.local.base``)."""

    kind: Kind
    model: str
    load: Callable[[], Any]
    state: State = "loading"
    error: str = ""
    engine: Any = None
    queue: StageQueue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = StageQueue(self.kind)

    async def start(self) -> None:
        """Load and warm the model; the state and the log say how it went."""
        began = time.perf_counter()
        try:
            self.engine = await self.queue.run(self._load)
        except Exception as exc:
            # Whatever a model library raises, the server must say which model it was and why.
            self.state, self.error = "failed", f"{type(exc).__name__}: {exc}"
            logger.error("%s model %s cannot be loaded: %s", self.kind, self.model, self.error)
        else:
            self.state = "ready"
            logger.info("%s model %s ready after %.1f s", self.kind, self.model, time.perf_counter() - began)

    def _load(self) -> Any:
        engine = self.load()
        engine.warm()
        return engine

    def health(self) -> dict[str, Any]:
        report = {"kind": self.kind, "model": self.model, "state": self.state, "queue": self.queue.depth}
        return report | ({"error": self.error} if self.error else {})


def local_stages(models: dict[Kind, Path], threads: int, cache_dir: Path) -> Sequence[Stage]:
    """Return the default stages for these model directories; nothing is loaded yet."""
    return [
        Stage("stt", models["stt"].name, lambda: _whisper(models["stt"], threads)),
        Stage("tts", models["tts"].name, lambda: _kokoro(models["tts"], threads, cache_dir)),
        Stage("embedding", models["embedding"].name, lambda: _bge(models["embedding"], threads)),
    ]


# Imported where they are used: Django's processes import this module's package, the libraries are heavy.
def _whisper(path: Path, threads: int) -> Any:
    from engines.local.faster_whisper import FasterWhisperSTT

    return FasterWhisperSTT(path, threads)


def _kokoro(path: Path, threads: int, cache_dir: Path) -> Any:
    from engines.local.kokoro import KokoroTTS

    return KokoroTTS(path, threads, cache_dir)


def _bge(path: Path, threads: int) -> Any:
    from engines.local.bge_onnx import BGEEmbedder

    return BGEEmbedder(path, threads)
