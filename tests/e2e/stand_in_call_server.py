"""A scripted stand-in for the call endpoint, so that the softphone's page can be tested alone.

::

    async with StandInCallServer() as server:
        ...  # the page calls server.url("anna")
        call = await server.next_call()
        await call.event("call_started", call_id="...", assistant="anna")
        await call.play(mulaw)                  # paced, 20 ms a frame
        await call.mark("m1")
        at, message = await call.message("mark")

It speaks the wire of ``/ws/softphone/<assistant>/`` and nothing else: no engine, no turn taking. Times are
seconds of ``time.monotonic``.
"""

from __future__ import annotations

import asyncio
import json
import time
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

FRAME_BYTES = 160
FRAME_S = 0.02
TOKEN = "good"
PATIENCE_S = 15.0
REFUSALS = {"expired": 4401, "busy": 4429, "old-page": 4400}


class StandInCall:
    """One call: what the page sent, and what it is told."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.frames: list[tuple[float, bytes]] = []
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self._messages: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
        self._frame_came = asyncio.Event()
        self._started = time.monotonic()

    async def listen(self) -> None:
        try:
            async for data in self.socket:
                now = time.monotonic()
                if isinstance(data, bytes):
                    self.frames.append((now, data))
                    self._frame_came.set()
                else:
                    self._messages.put_nowait((now, json.loads(data)))
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        self.closed.set()

    async def event(self, name: str, turn: int | None = None, **data: Any) -> None:
        at_ms = round((time.monotonic() - self._started) * 1000)
        await self.socket.send(json.dumps({"event": name, "at_ms": at_ms, "turn": turn, **data}))

    async def mark(self, name: str) -> None:
        await self.socket.send(json.dumps({"event": "mark", "name": name}))

    async def clear(self) -> None:
        await self.socket.send(json.dumps({"event": "clear"}))

    async def play(self, mulaw: bytes) -> None:
        """Send ``mulaw`` at the pace of speech."""
        start = time.monotonic()
        for n, at in enumerate(range(0, len(mulaw), FRAME_BYTES)):
            await asyncio.sleep(max(0.0, start + n * FRAME_S - time.monotonic()))
            await self.socket.send(mulaw[at : at + FRAME_BYTES])

    async def message(self, name: str) -> tuple[float, dict[str, Any]]:
        """Return (arrival, message) of the next text message, which must be ``name``."""
        at, message = await asyncio.wait_for(self._messages.get(), PATIENCE_S)
        assert message["event"] == name, message
        return at, message

    async def heard(self, seconds: float) -> list[tuple[float, bytes]]:
        """Return the frames once they hold ``seconds`` of the caller's audio."""
        async with asyncio.timeout(PATIENCE_S + seconds):
            while len(self.frames) * FRAME_S < seconds:
                self._frame_came.clear()
                await self._frame_came.wait()
        return list(self.frames)

    async def end(self, reason: str = "hung_up") -> None:
        await self.event("call_ended", reason=reason)
        await self.socket.close()


class StandInCallServer:
    """Accepts calls with the token ``good`` for any assistant but ``nobody``; ``REFUSALS`` are the rest."""

    def __init__(self) -> None:
        self._calls: asyncio.Queue[StandInCall] = asyncio.Queue()
        self._server: Server | None = None

    async def __aenter__(self) -> StandInCallServer:
        self._server = await serve(self._handle, "127.0.0.1", 0, process_request=self._refuse_upgrade)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    def url(self, assistant: str, token: str = TOKEN) -> str:
        assert self._server
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/ws/softphone/{assistant}/?token={token}"

    async def next_call(self) -> StandInCall:
        return await asyncio.wait_for(self._calls.get(), PATIENCE_S)

    async def _refuse_upgrade(self, socket: ServerConnection, request: Any) -> Any:
        if "token=no-upgrade" in request.path:
            return socket.respond(HTTPStatus.FORBIDDEN, "")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request
        url = urlsplit(socket.request.path)
        token = parse_qs(url.query)["token"][0]
        code = 4404 if "/nobody/" in url.path else REFUSALS.get(token)
        if code:
            await socket.close(code)
            return
        call = StandInCall(socket)
        self._calls.put_nowait(call)
        await call.listen()
