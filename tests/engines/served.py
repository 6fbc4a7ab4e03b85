"""The engine server on a port of its own, with the engines of a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import uvicorn

from engines.server.app import create_app
from engines.server.stages import Stage
from tests.ports import free_port


@contextmanager
def served(stages: Sequence[Stage]) -> Iterator[str]:
    """Yield the address, with /v1, once all engines are loaded."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(stages), port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=5), timeout=60) as client:
            while (report := client.get("/health").json())["status"] == "loading":
                pass
        assert report["status"] == "ok", report
        yield f"{url}/v1"
    finally:
        server.should_exit = True
        thread.join()
