"""Servers in a thread of the tests, over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from engines.server.app import create_app
from engines.server.stages import Stage
from tests.ports import free_port


@contextmanager
def serving(stages: Sequence[Stage]) -> Iterator[int]:
    """Serve ``stages`` and give the port, once every model is loaded."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(stages), port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client:
            while (report := client.get("/health").json())["status"] == "loading":
                pass
        assert report["status"] == "ok", report
        yield port
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def listening(app: Starlette) -> Iterator[str]:
    """Serve ``app``, which stands for somebody else's engine, and give its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            client.get(url)
        yield url
    finally:
        server.should_exit = True
        thread.join()
