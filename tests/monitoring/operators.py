"""Operators and their sockets, against the real ASGI application.

::

    operator = make_operator("view_call", "listen_call")
    async with operator.socket("/ws/now/") as socket:
        update = await socket.update()
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Permission, User
from django.test import Client

from aiker.asgi import application

PATIENCE_S = 10
ORIGIN = "http://localhost:8000"


class Socket:
    """What a page has open; ``update`` answers, so that the next one comes."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator

    async def receive(self) -> dict[str, Any]:
        """Return the next message of the ASGI application, whatever it is."""
        message: dict[str, Any] = await self._communicator.receive_output(PATIENCE_S)
        return message

    async def message(self) -> dict[str, Any]:
        received = await self.receive()
        assert received["type"] == "websocket.send", received
        found: dict[str, Any] = json.loads(received["text"])
        return found

    async def update(self) -> dict[str, Any]:
        found = await self.message()
        if "number" in found:
            await self.send({"seen": found["number"]})
        return found

    async def until(self, part: str) -> dict[str, Any]:
        """Return the next update that has ``part``."""
        while part not in (found := await self.update()):
            pass
        return found

    async def send(self, message: Any) -> None:
        await self._communicator.send_to(
            text_data=message if isinstance(message, str) else json.dumps(message)
        )

    async def nothing(self, seconds: float) -> bool:
        """Whether nothing comes within that time."""
        return bool(await self._communicator.receive_nothing(seconds))

    async def closed(self) -> int:
        """Return the code with which the socket is closed; what comes before is passed over."""
        while (received := await self.receive())["type"] != "websocket.close":
            pass
        code: int = received["code"]
        return code


@dataclass(frozen=True)
class Operator:
    user: User
    session_key: str

    @asynccontextmanager
    async def socket(self, path: str, origin: str = ORIGIN) -> AsyncIterator[Socket]:
        async with open_socket(path, self.session_key, origin) as socket:
            yield socket


@asynccontextmanager
async def open_socket(path: str, session_key: str = "", origin: str = ORIGIN) -> AsyncIterator[Socket]:
    headers = [(b"origin", origin.encode())] if origin else []
    if session_key:
        headers.append((b"cookie", f"sessionid={session_key}".encode()))
    communicator = WebsocketCommunicator(application, path, headers=headers)
    try:
        connected, code = await communicator.connect(PATIENCE_S)
        assert connected, f"refused before it was opened: {code}"
        yield Socket(communicator)
    finally:
        await communicator.disconnect()


def make_operator(*permissions: str, staff: bool = True, name: str = "li") -> Operator:
    """Return someone who is logged in and has these permissions."""
    user = User.objects.create_user(name, password="x", is_staff=staff)
    found = Permission.objects.filter(codename__in=permissions)
    assert len(found) == len(permissions)
    user.user_permissions.add(*found)
    client = Client()
    client.force_login(user)
    return Operator(user, client.cookies["sessionid"].value)
