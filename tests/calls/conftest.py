"""A real web process with an assistant and without any engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from aiker.config import BASE_DIR
from tests.ports import free_port

TOKEN = "a-token-for-tests"


@dataclass(frozen=True)
class Web:
    """A running web process: ``url`` is its ws:// address, ``log`` what it printed."""

    server: str
    url: str
    data_dir: Path
    log_path: Path

    def call_url(self, assistant: str = "anna", token: str = TOKEN, wire: str = "twilio") -> str:
        return f"{self.url}/ws/{wire}/{assistant}/?token={token}"

    @property
    def log(self) -> str:
        return self.log_path.read_text()


@pytest.fixture(scope="session", params=["daphne", "uvicorn"])
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The same ASGI application under each server; its engine ports are closed."""
    data_dir, port = tmp_path_factory.mktemp(request.param), free_port()
    ports = {f"AIKER_{name}_PORT": str(free_port()) for name in ("ENGINES", "LLM", "CHROMA")}
    env = (
        os.environ
        | ports
        | {"AIKER_DATA_DIR": str(data_dir), "AIKER_CALL_TOKEN": TOKEN, "AIKER_PORT": str(port)}
    )
    for command in ("migrate", "create_demo"):
        subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=BASE_DIR,
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    servers = {
        "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "aiker.asgi:application"],
        "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "aiker.asgi:application"],
    }
    log_path = data_dir / "web.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *servers[request.param]], cwd=BASE_DIR, env=env, stdout=log, stderr=log
        )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            client.get(f"http://127.0.0.1:{port}/health/live", timeout=30).raise_for_status()
        yield Web(request.param, f"ws://127.0.0.1:{port}", data_dir, log_path)
    finally:
        process.terminate()
        process.wait(15)
