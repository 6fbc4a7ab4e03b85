"""Spans, sent to a collector with OpenTelemetry's OTLP over HTTP; on a thread of its own.

::

    connect(endpoint="http://collector:4318", texts=False)       # once, when the process starts

A line of at most ``LIMIT`` spans waits for that thread. What the collector does not take within ten seconds,
and what finds the line full, is dropped and counted (``aiker_trace_spans_dropped_total``): no call waits.
OpenTelemetry's own variables add to it: OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES and others.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from django.db import DatabaseError, close_old_connections
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from aiker.calls import observing
from monitoring import metrics
from monitoring.bounded_writer import BoundedWriter
from monitoring.tracing import Attributes, CallTraces, SpanData

LIMIT = 5000
TIMEOUT_S = 10


class ExportError(ConnectionError):
    """The collector did not take spans."""


def connect(endpoint: str, *, texts: bool) -> CallTraces:
    """Trace every call of this process from now on; return what listens, which must be kept."""
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
    sender = Sender(exporter, texts=texts)
    writer = BoundedWriter(
        sender.send, LIMIT, dropped=metrics.SPANS_DROPPED, queued=metrics.SPANS_QUEUED, what="spans"
    )
    traces = CallTraces(writer.put, texts=texts)
    observing.call_event.connect(traces.on_event)
    return traces


class Sender:
    """Makes OpenTelemetry's spans of ours, with their ids and times, and hands them to an exporter."""

    def __init__(self, exporter: SpanExporter, *, texts: bool) -> None:
        self._exporter = exporter
        self._texts = texts
        self._ids = _Ids()
        self._ended = _Ended()
        provider = TracerProvider(ALWAYS_ON, _resource(), id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("aiker")

    def send(self, spans: Sequence[SpanData]) -> None:
        """Send spans; raises ExportError. On one thread only."""
        for span in spans:
            self._make(span)
        made, self._ended.spans = self._ended.spans, []
        if self._exporter.export(made) is not SpanExportResult.SUCCESS:
            raise ExportError("the collector at AIKER_OTLP_ENDPOINT did not take them")

    def _make(self, data: SpanData) -> None:
        self._ids.next = data.call.int, data.id
        parent = trace.set_span_in_context(_context(data)) if data.parent else Context()
        span = self._tracer.start_span(
            data.name,
            parent,
            kind=SpanKind.INTERNAL if data.parent else SpanKind.SERVER,
            attributes=data.attributes | self._about_caller(data),
            start_time=data.start_ns,
        )
        if data.error:
            span.set_attribute("error.type", data.error)
            span.set_status(Status(StatusCode.ERROR, data.error))
        span.end(data.end_ns)

    def _about_caller(self, data: SpanData) -> Attributes:
        """Return the caller's number for the span of a call, where traces may hold it."""
        from aiker.calls.models import Call

        if data.parent or not self._texts:
            return {}
        close_old_connections()
        try:
            caller = Call.objects.values_list("caller", flat=True).get(pk=data.call)
        except (Call.DoesNotExist, DatabaseError):
            return {}  # the trace is worth having without it
        finally:
            close_old_connections()
        return {"aiker.caller": caller}


class _Ids(IdGenerator):
    """Gives the span that is made next the ids that it has already."""

    next = (0, 0)

    def generate_trace_id(self) -> int:
        return self.next[0]

    def generate_span_id(self) -> int:
        return self.next[1]


class _Ended(SpanProcessor):
    """Keeps what has ended until it is sent."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def _context(data: SpanData) -> NonRecordingSpan:
    context = SpanContext(
        data.call.int, data.parent, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return NonRecordingSpan(context)


def _resource() -> Resource:
    host = socket.gethostname()
    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "aiker"),
            "service.instance.id": f"{host}:{os.getpid()}",
            "host.name": host,
        }
    )
