"""What the engine server runs: one stage per engine, loaded in the stage's own thread."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from engines.measuring import used_mb
from engines.memory import Device
from engines.registry import LocalBackend, Place
from engines.registry import Stage as Kind
from engines.server.queue import StageQueue

logger = logging.getLogger(__name__)

State = Literal["loading", "ready", "failed"]
RETIRE_POLL_S = 0.1
# What a model takes is what the process has more of after it: one is loaded at a time. Also, transformers
# changes PyTorch's default precision for the whole process while it builds a model.
_loading = threading.Lock()


@dataclass
class Stage:
    """One model and the line in front of it; ``load`` builds the engine (see ``engines.local.base``).

    ``model`` is the name clients ask for, ``aliases`` are others for the same. The server is healthy
    while its required stages are; without another, calls that name it are refused or go elsewhere.
    ``memory_mb`` is what loading and warming it took of ``device``.
    """

    kind: Kind
    model: str
    load: Callable[[], Any]
    aliases: frozenset[str] = frozenset()
    required: bool = True
    source: LocalBackend | None = None
    device: Device = "cpu"
    memory_mb: int | None = None
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
        with _loading:
            before = used_mb(self.device)
            engine = self.load()
            engine.warm()
            self.memory_mb = max(0, round(used_mb(self.device) - before))
            return engine

    def rename(self, like: Stage) -> None:
        """Take the names of another stage of the same engine."""
        self.model, self.aliases, self.required = like.model, like.aliases, like.required

    async def retire(self) -> None:
        """Let the requests under way end, then let go of the model."""
        # Polled: no request is added any more, and the last may be a stream that a client reads slowly.
        while self.queue.busy:  # noqa: ASYNC110
            await asyncio.sleep(RETIRE_POLL_S)
        self.queue.close()
        self.engine = None
        logger.info("%s model %s unloaded", self.kind, self.model)

    def serves(self, model: str) -> bool:
        return model == self.model or model in self.aliases

    def health(self) -> dict[str, Any]:
        report = {"kind": self.kind, "model": self.model, "state": self.state, "queue": self.queue.depth}
        report |= {"device": self.device, "memory_mb": self.memory_mb}
        return report | ({"error": self.error} if self.error else {})


def stages_for(
    required: Mapping[str, LocalBackend],
    place: Place,
    others: Mapping[str, LocalBackend] = MappingProxyType({}),
) -> list[Stage]:
    """Return a stage for each different engine, by name; equal ones share one. Nothing is loaded yet."""
    names: dict[LocalBackend, list[str]] = {}
    for name, engine in (*required.items(), *others.items()):
        names.setdefault(engine, []).append(name)
    return [
        Stage(
            engine.spec.stage,
            first,
            functools.partial(engine.load, place),
            frozenset(rest),
            required=first in required,
            source=engine,
            device=engine.runs_on,
        )
        for engine, (first, *rest) in names.items()
    ]
