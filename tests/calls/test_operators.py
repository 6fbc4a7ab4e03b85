"""An operator at a real web process, under each ASGI server: sees a real call, listens in, hangs up."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aiker.config import BASE_DIR
from tests.calls.conftest import Web
from tests.calls.test_hostile import START, media

pytestmark = pytest.mark.models  # silero-vad listens in every call

PATIENCE_S = 20
LOGIN = """
from django.contrib.auth.models import User
from django.test import Client
user, _ = User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)
client = Client(); client.force_login(user)
print(client.cookies["sessionid"].value)
"""


@pytest.fixture(scope="module")
def session_key(web: Web) -> str:
    env = os.environ | {"AIKER_DATA_DIR": str(web.data_dir)}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", LOGIN]
    done = subprocess.run(command, cwd=BASE_DIR, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def open_page(web: Web, path: str, session_key: str = "", origin: str = "") -> connect:
    cookie = {"Cookie": f"sessionid={session_key}"} if session_key else {}
    own = web.url.replace("ws://", "http://")
    return connect(web.url + path, additional_headers=cookie, origin=origin or own)  # type: ignore[arg-type]


async def until(page: ClientConnection, id_of: str, state: str) -> dict[str, Any]:
    """Answer updates until one has a call of that id in that state."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            update = json.loads(await page.recv())
            if "number" in update:
                await page.send(json.dumps({"seen": update["number"]}))
            for call in update.get("calls", []):
                if state == call["state"] and id_of in ("", call["id"]):
                    return dict(call)


async def test_strangers_are_refused(web: Web, session_key: str) -> None:
    async with open_page(web, "/ws/now/") as page:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(page.recv(), PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus):
        async with open_page(web, "/ws/now/", session_key, "https://evil.example"):
            pass


async def test_a_call_is_seen_heard_and_hung_up(web: Web, session_key: str) -> None:
    async with connect(web.call_url()) as carrier, open_page(web, "/ws/now/", session_key) as page:
        await carrier.send(json.dumps(START))
        call = await until(page, "", "listening")
        async with open_page(web, f"/ws/now/listen/{call['id']}/", session_key) as audio:
            heard = b""
            while len(heard) < 3200:
                await carrier.send(json.dumps(media()))
                heard += bytes(await asyncio.wait_for(audio.recv(), PATIENCE_S))  # type: ignore[arg-type]
                await audio.send(json.dumps({"seen": len(heard)}))
            await page.send(json.dumps({"hang_up": call["id"]}))
            async with asyncio.timeout(PATIENCE_S):
                await carrier.wait_closed()
            assert carrier.close_code == 1000
            assert (await until(page, call["id"], "ended"))["reason"] == "operator"
    with sqlite3.connect(web.data_dir / "aiker.sqlite3") as database:
        logged = database.execute(
            "SELECT change_message FROM django_admin_log WHERE object_id = ?", [call["id"]]
        )
        assert [text for (text,) in logged] == ["旁听了通话。", "挂断了通话。"]
