"""The engine server in a thread of the tests, over a real socket."""

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
