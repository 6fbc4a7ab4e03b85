"""A real HTTP server that receives what tools send, with the misbehaviour that receivers have.

::

    with receiving() as receiver:
        receiver.url("/json")        # "http://localhost:45123/json"
        receiver.got                 # [Got(method, path, headers, body), ...]
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON, TEXT, HTML = "application/json", "text/plain; charset=utf-8", "text/html"
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "/json": (200, JSON, '{"status": "已发货", "order": {"eta": "明天"}}'.encode()),
    "/text": (200, TEXT, "已发货\n".encode()),
    "/empty": (204, "", b""),
    "/500": (500, JSON, b'{"error": "down"}'),
    "/409": (409, JSON, b'{"error": "closed"}'),
    "/html": (200, HTML, b"<html>Log in</html>"),
    "/broken": (200, JSON, b'{"status": '),
    "/redirect": (302, JSON, b""),
    "/large": (200, JSON, b'"' + b"x" * 200_000 + b'"'),
}


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    port: int
    got: list[Got] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)  # what "/hangs" waits for

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"

    @property
    def entry(self) -> str:
        return f"localhost:{self.port}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            receiver.got.append(Got(self.command, self.path, dict(self.headers), body))
            receiver.arrived.set()
            path = self.path.partition("?")[0]
            if path == "/hangs":
                receiver.let_go.wait(30)
            status, kind, content = ANSWERS.get(path, ANSWERS["/json"])
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            if status == 302:
                self.send_header("Location", receiver.url("/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_arguments: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: Any) -> None:
            return  # a client that stopped reading

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
