"""``manage.py start`` as a newcomer meets it: twice on one data directory, with the real models."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from aiker.config import BASE_DIR
from tests.aiker.test_supervisor import until
from tests.ports import free_port

pytestmark = [pytest.mark.models, pytest.mark.e2e]

DEADLINE_S = 400.0
LAST_LINE_OF_BANNER = "Stop:"


class Running:
    """A start whose output is read line by line."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.output = ""

    async def until(self, text: str) -> None:
        """Read on until a line has ``text``; fail with the whole output when it does not come."""
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self.process.stdout.readline()).decode():
                self.output += line
                if text in line:
                    return
        pytest.fail(f"ended before {text!r}:\n{self.output}")

    async def stop(self, signum: int) -> int:
        """Send the signal; return the exit status once nothing of it runs any more."""
        tree = psutil.Process(self.process.pid).children(recursive=True)
        assert len(tree) >= 5  # four services and the watcher
        self.process.send_signal(signum)
        async with asyncio.timeout(DEADLINE_S):
            assert self.process.stdout is not None
            self.output += (await self.process.stdout.read()).decode()
            status = await self.process.wait()
        await until(lambda: not any(runs(child) for child in tree))
        return status


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Running]]:
    ports = {f"AIKER_{name}PORT": str(free_port()) for name in ("", "ENGINES_", "LLM_", "CHROMA_")}
    env = os.environ | ports | {"AIKER_DATA_DIR": str(tmp_path), "AIKER_LANGUAGE": "en"}

    @asynccontextmanager
    async def run() -> AsyncIterator[Running]:
        command = [sys.executable, "manage.py", "start"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=BASE_DIR, env=env, stdout=PIPE, stderr=STDOUT
        )
        try:
            yield Running(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return run


async def log_in(client: httpx.AsyncClient, password: str) -> None:
    await client.get("/admin/login/")
    form = {
        "username": "admin",
        "password": password,
        "csrfmiddlewaretoken": client.cookies["csrftoken"],
        "next": "/admin/",
    }
    answer = await client.post("/admin/login/", data=form)
    assert answer.status_code == 302, answer.text


def child(running: Running, argument: str) -> psutil.Process:
    children = psutil.Process(running.process.pid).children()
    return next(process for process in children if argument in process.cmdline())


async def test_a_newcomer_gets_a_banner_that_is_true_and_nothing_stays_behind(
    start: Callable[[], AbstractAsyncContextManager[Running]],
) -> None:
    async with start() as first:
        await first.until(LAST_LINE_OF_BANNER)
        url, password = re.findall(r"(http://\S+)/admin/|admin / (\S+) ", first.output)
        async with httpx.AsyncClient(base_url=url[0], timeout=60) as client:
            await log_in(client, password[1])
            for page in ("/admin/", "/call/", "/static/unfold/css/styles.css"):
                assert (await client.get(page)).status_code == 200, page
        child(first, "serve_llm").kill()
        await first.until("llm: killed by SIGKILL")
        await first.until("llm answers again")
        assert await first.stop(signal.SIGINT) == 0
    async with start() as second:
        await second.until(LAST_LINE_OF_BANNER)
        assert "shown once" not in second.output
        assert await second.stop(signal.SIGTERM) == 0
