"""Store a call while it runs, without ever making it wait.

::

    writer = CallWriter(call_id); writer.start()
    writer.put(save_call, ...)      # from the event loop, returns at once
    await writer.close()            # everything is stored, or logged whole

Database work runs in order on threads of its own, never in the shared thread
that Django's ``sync_to_async`` uses, so no call waits for another's query.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import close_old_connections

from aiker.calls.models import Call, Turn
from aiker.calls.recorder import Recorder

logger = logging.getLogger(__name__)

_PAUSES_S = (0.2, 0.4, 0.8, 1.6, 3.2)  # between attempts
_database = ThreadPoolExecutor(max_workers=4, thread_name_prefix="call-records")


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A finished turn; the fields are those of ``Turn``."""

    number: int
    at_ms: int
    user_text: str
    heard_as: str
    assistant_text: str
    heard_text: str
    interrupted: bool
    voice_to_voice_ms: int | None
    recorded_voice_to_voice_ms: int | None
    contributions: list[dict[str, Any]]
    moments: dict[str, Any]
    passages: list[dict[str, Any]]
    retrieval: dict[str, Any]
    engines: dict[str, str]
    routing: dict[str, dict[str, Any]]
    error: dict[str, str] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)
    manner: str = ""
    barge_ins: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_T = TypeVar("_T")


async def in_database(work: Callable[..., _T], *args: Any) -> _T:
    """Run ``work`` on a database thread."""
    return await asyncio.get_running_loop().run_in_executor(_database, _with_connection, work, args)


def _with_connection(work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    close_old_connections()
    try:
        return work(*args)
    finally:
        close_old_connections()


def create_call(call_id: UUID, assistant_id: int, started_at: datetime, fields: dict[str, Any]) -> None:
    Call.objects.create(id=call_id, assistant_id=assistant_id, started_at=started_at, **fields)


def create_turn(call_id: UUID, record: TurnRecord) -> None:
    Turn.objects.create(call_id=call_id, **record.as_dict())


def finish_call(call_id: UUID, fields: dict[str, Any], recorder: Recorder) -> None:
    call = Call.objects.get(pk=call_id)
    for name, value in fields.items():
        setattr(call, name, value)
    call.recording.save(f"{call_id}.wav", ContentFile(recorder.wav()), save=False)
    call.save()


class CallWriter:
    """The queue of one call's records."""

    def __init__(self, call_id: UUID) -> None:
        self._call_id = call_id
        self._queue: asyncio.Queue[tuple[Callable[..., None], tuple[Any, ...]] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"records-{self._call_id}")

    def put(self, work: Callable[..., None], *args: Any) -> None:
        """Queue ``work(call_id, *args)``."""
        self._queue.put_nowait((work, args))

    async def close(self) -> None:
        """Return when everything queued was stored or given up."""
        self._queue.put_nowait(None)
        if self._task:
            await asyncio.shield(self._task)  # a server that does not wait any longer loses no record

    async def _run(self) -> None:
        while (item := await self._queue.get()) is not None:
            await self._store(*item)

    async def _store(self, work: Callable[..., None], args: tuple[Any, ...]) -> None:
        for attempt, pause in enumerate((*_PAUSES_S, None), 1):
            try:
                await in_database(work, self._call_id, *args)
                return
            except Exception as exc:  # whatever it is: what comes behind it is stored nevertheless
                logger.warning(
                    "call %s: %s failed (%s), attempt %d", self._call_id, work.__name__, exc, attempt
                )
            if pause:
                await asyncio.sleep(pause)
        logger.error(
            "call %s: NOT STORED %s %s",
            self._call_id,
            work.__name__,
            json.dumps([a.as_dict() if isinstance(a, TurnRecord) else a for a in args], default=str),
        )
