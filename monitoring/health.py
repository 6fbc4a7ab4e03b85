"""``/health/live`` and ``/health/ready``, for load balancers and supervisors.

Live depends on nothing. Ready asks everything that a call needs, all at once and each for ``LIMIT_S`` at
most: 200 when all answer, else 503. The JSON says which did not:
``{"ready": false, "checks": {"chroma": false, ...}}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from aiker.processes import answers
from monitoring.engine_state import engine_addresses

LIMIT_S = 2.0
T = TypeVar("T")


def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer that the process is alive, whatever its engines do."""
    return HttpResponse("ok", content_type="text/plain")


async def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Say whether a call could be answered now."""
    # Chroma is asked meanwhile: which engines there are to ask is in the database.
    chroma = asyncio.ensure_future(
        _answers(f"http://127.0.0.1:{settings.AIKER.chroma_port}/api/v2/heartbeat")
    )
    needed = await _in_time(_from_database(engine_addresses))
    found = {"database": needed is not None, "chroma": await chroma}
    engines = needed or []
    answered = await asyncio.gather(*(_answers(engine.url) for engine in engines))
    found |= {engine.name: well for engine, well in zip(engines, answered, strict=True)}
    is_ready = all(found.values())
    return JsonResponse({"ready": is_ready, "checks": found}, status=200 if is_ready else 503)


async def _answers(url: str) -> bool:
    return await answers(url, timeout_s=LIMIT_S)


async def _in_time(work: Awaitable[T]) -> T | None:
    """Return what ``work`` gives; None when the database has an error, or gives nothing in time."""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await work
    except (TimeoutError, DatabaseError):
        return None


async def _from_database(work: Callable[[], T]) -> T:
    def run() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return await asyncio.to_thread(run)
