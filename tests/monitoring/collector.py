"""A collector of traces: takes OTLP over HTTP, and decodes it with OpenTelemetry's own messages.

::

    with collecting() as collector:
        collector.url               # AIKER_OTLP_ENDPOINT
        collector.spans             # what arrived, each with its resource's attributes
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATIENCE_S = 20


@dataclass
class Collector:
    url: str = ""
    status: int = 200
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    let_go: threading.Event = field(default_factory=threading.Event)  # cleared: it hangs
    asked: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, count: int) -> list[Any]:
        """Return the spans when there are ``count``."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.spans) >= count, PATIENCE_S), len(self.spans)
            return list(self.spans)


def attributes(pairs: Any) -> dict[str, Any]:
    """Return protobuf's key and value pairs as a dict."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    collector.let_go.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.asked.set()
            collector.let_go.wait(PATIENCE_S)
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            if collector.status == 200:
                self._keep(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _keep(self, request: Any) -> None:
            with collector.changed:
                for group in request.resource_spans:
                    collector.resources.append(attributes(group.resource.attributes))
                    for scope in group.scope_spans:
                        collector.spans.extend(scope.spans)
                collector.changed.notify_all()

        def log_message(self, *_: Any) -> None:
            """Say nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            return  # a client that stopped waiting

    server = Server(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        collector.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
