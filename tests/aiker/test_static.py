"""The admin's static files from both ASGI servers, DEBUG off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from aiker.config import BASE_DIR, Config
from aiker.management.commands.start import services
from aiker.processes import until_answers
from tests.ports import free_port

DEADLINE_S = 60.0


@pytest.fixture(params=["daphne", "uvicorn"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the web process as ``manage.py start`` starts it."""
    web = services(Config(port=free_port(), server=request.param))["web"]
    env = os.environ | dict(web.env) | {"AIKER_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(*web.command, cwd=BASE_DIR, env=env)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await until_answers(web)
        async with httpx.AsyncClient(base_url=web.health_url.removesuffix("/health/live")) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


async def test_static_files_and_nothing_else_are_served_below_static(client: httpx.AsyncClient) -> None:
    css = await client.get("/static/unfold/css/styles.css")
    assert css.status_code == 200
    assert css.headers["content-type"].startswith("text/css")
    again = await client.get("/static/unfold/css/styles.css", headers={"If-None-Match": css.headers["etag"]})
    assert again.status_code == 304
    assert (await client.head("/static/admin/js/jquery.init.js")).status_code == 200
    for path in ("no-such.css", "", "unfold", "%2e%2e/models.py", "../../manage.py"):
        assert (await client.get(f"/static/{path}")).status_code == 404, path
