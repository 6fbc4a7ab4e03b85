"""What the endpoints share: finding the stage, and stopping when the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from engines.server.errors import APIError
from engines.server.stages import Kind, Stage

T = TypeVar("T")


def stages(request: Request) -> Sequence[Stage]:
    known: Sequence[Stage] = request.app.state.stages
    return known


def ready_stage(request: Request, kind: Kind, model: str) -> Stage:
    """Return the stage that serves ``model`` ("" takes the first of its kind), or raise 404 or 503."""
    known = [stage for stage in stages(request) if stage.kind == kind]
    stage = next((stage for stage in known if not model or stage.serves(model)), None)
    if stage is None:
        loaded = ", ".join(repr(stage.model) for stage in known)
        about = f"; loaded for this: {loaded}" if loaded else ""
        raise APIError(404, f"The model {model!r} is not loaded here{about}.", "model_not_found", "model")
    if stage.state != "ready":
        detail = stage.error or "is still loading"
        raise APIError(503, f"The model {stage.model!r}: {detail}.", "not_ready", "model", retry_after_s=2)
    return stage


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``; cancel it and raise ClientDisconnect when the client hangs up first.

    The request's body must have been read: what arrives after it is the news that the client has gone.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for pending in (task, watch):
            pending.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
