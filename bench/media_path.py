"""What a 20 ms frame costs the event loop, and what a slow query of another call does to it.

The real ASGI application runs in this process, with a real database and the
real VAD; only the socket is left out, so that nothing of it is measured.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from bench.report import Metric

FRAMES = 240  # 4.8 s at once; a call accepts 5 s ahead of time
CALLS = 20
SLOW_QUERY_S = 0.5
COST_TARGET_US, DELAY_TARGET_MS = 60, 20
TOKEN = "bench"
SLOW_QUERY = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
    SELECT max(i * 7 % 1000) FROM n
"""

Message = dict[str, Any]


def run() -> Sequence[Metric]:
    """Print both measurements, each beside the same with Channels' stock dispatch; return them."""
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        os.environ |= {
            "AIKER_DATA_DIR": folder,
            "AIKER_CALL_TOKEN": TOKEN,
            "AIKER_MAX_CALLS": "100",
            "AIKER_LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "aiker.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("create_demo", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: PTH123, SIM115
        return asyncio.run(measure())


async def measure() -> list[Metric]:
    from aiker.asgi import application
    from aiker.calls.consumers import CallConsumer

    found: list[Metric] = []
    ways = {"ours": CallConsumer.__call__, "stock": stock_call}
    for name, way in ways.items():
        CallConsumer.__call__ = way  # type: ignore[assignment,method-assign]
        costs = [await frame_cost(application) for _ in range(CALLS)]
        print(
            f"{name:6} event-loop time a frame: median {median(costs):6.1f} us, "
            f"worst call {max(costs):6.1f} us ({CALLS} calls of {FRAMES} frames)"
        )
        target = COST_TARGET_US if name == "ours" else None
        found.append(Metric(f"{name}: event-loop time a frame, median", median(costs), "us", target))
        found.append(Metric(f"{name}: event-loop time a frame, worst call", max(costs), "us"))
    for name, way in ways.items():
        CallConsumer.__call__ = way  # type: ignore[assignment,method-assign]
        quiet = await frame_delays(application, slow=False)
        loaded = await frame_delays(application, slow=True)
        print(
            f"{name:6} frame delay: quiet p99 {np.percentile(quiet, 99):5.1f} max {max(quiet):5.1f} ms; "
            f"during a {SLOW_QUERY_S} s query of another call p99 {np.percentile(loaded, 99):5.1f} "
            f"max {max(loaded):5.1f} ms"
        )
        target = DELAY_TARGET_MS if name == "ours" else None
        found.append(Metric(f"{name}: frame delay, quiet, worst", max(quiet), "ms"))
        found.append(Metric(f"{name}: frame delay beside a slow query, worst", max(loaded), "ms", target))
    CallConsumer.__call__ = ways["ours"]  # type: ignore[assignment,method-assign]
    return found


async def stock_call(consumer: Any, scope: Message, receive: Any, send: Any) -> None:
    """What Channels does by itself: a task a message, and a hop through the process's only sync thread."""
    from channels.consumer import AsyncConsumer
    from channels.db import aclose_old_connections

    async def dispatch(message: Message) -> None:
        await aclose_old_connections()
        if message["type"] == "websocket.receive":
            await consumer.take(message.get("text"), message.get("bytes"))
        else:
            await getattr(consumer, message["type"].replace(".", "_"))(message)

    consumer.dispatch = dispatch
    await AsyncConsumer.__call__(consumer, scope, receive, send)


class Socket:
    """The two ends of an ASGI WebSocket, without the network."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.accepted = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.accepted.set()

    async def open(self, application: Callable[..., Awaitable[None]]) -> asyncio.Task[None]:
        scope = {
            "type": "websocket",
            "path": "/ws/twilio/anna/",
            "query_string": f"token={TOKEN}".encode(),
            "headers": [],
            "subprotocols": [],
        }
        task = asyncio.ensure_future(application(scope, self.inbox.get, self.send))
        self.inbox.put_nowait({"type": "websocket.connect"})
        await self.accepted.wait()
        self.receive({"event": "start", "start": {"callSid": "CA"}})
        return task

    def receive(self, message: Message) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def close(self, task: asyncio.Task[None]) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await task


def media(frame: bytes) -> Message:
    return {"event": "media", "media": {"payload": base64.b64encode(frame).decode(), "track": "inbound"}}


async def frame_cost(application: Callable[..., Awaitable[None]]) -> float:
    """Return microseconds of the event loop's own CPU time a frame, from the message to the turn decision."""
    from aiker.calls.turn_taking import TurnTaking

    step, windows, done = TurnTaking.step, 0, asyncio.Event()

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal windows
        windows += 1
        if windows == FRAMES * 20 // 32:
            done.set()
        return step(*args, **kwargs)

    TurnTaking.step = counted  # type: ignore[method-assign]
    socket = Socket()
    task = await socket.open(application)
    await asyncio.sleep(0.3)  # the greeting's attempt to reach the engines is over
    for _ in range(FRAMES):
        socket.receive(media(bytes(160)))
    before = time.thread_time()
    await done.wait()
    used = time.thread_time() - before
    TurnTaking.step = step  # type: ignore[method-assign]
    await socket.close(task)
    return used / FRAMES * 1e6


async def frame_delays(application: Callable[..., Awaitable[None]], *, slow: bool) -> list[float]:
    """Return by how many ms each frame of a call was taken late, while another call queries the database."""
    from aiker.calls.wire.twilio import TwilioWire

    taken: list[float] = []
    receive = TwilioWire.receive

    def timed(self: TwilioWire, *, text: str | None = None, data: bytes | None = None) -> list[Any]:
        if text and '"media"' in text:
            taken.append(time.perf_counter())
        return receive(self, text=text, data=data)

    TwilioWire.receive = timed  # type: ignore[method-assign]
    socket = Socket()
    sent: list[float] = []
    task = await socket.open(application)
    query = asyncio.create_task(query_of_another_call()) if slow else None
    began = time.perf_counter()
    for index in range(60):
        await asyncio.sleep(max(0.0, began + index * 0.02 - time.perf_counter()))
        sent.append(time.perf_counter())
        socket.receive(media(bytes(160)))
    await asyncio.sleep(0.1 if query is None else 2 * SLOW_QUERY_S)
    if query:
        await query
    TwilioWire.receive = receive  # type: ignore[method-assign]
    await socket.close(task)
    return [(late - early) * 1000 for early, late in zip(sent, taken, strict=True)]


async def query_of_another_call() -> None:
    """Run a query of about half a second where calls store their records, and one where pages run theirs."""
    from asgiref.sync import sync_to_async

    from aiker.calls.records import in_database

    await asyncio.gather(in_database(slow_query), sync_to_async(slow_query)())


def slow_query() -> None:
    from django.db import connection

    deadline = time.perf_counter() + SLOW_QUERY_S
    with connection.cursor() as cursor:
        while time.perf_counter() < deadline:
            cursor.execute(SLOW_QUERY.format(200_000))
            cursor.fetchone()
