"""The metrics of the live calls, as Prometheus reads them at ``/metrics``.

::

    CALLS_ACTIVE.inc()
    TURN_LATENCY.labels(stage="stt", profile="").observe(0.32)

Names end in their unit. Labels are of small sets: never a call id, a number or a text. With
PROMETHEUS_MULTIPROC_DIR set, the numbers of several web processes are added up. What the sampler
measures is in ``monitoring.stored_metrics``.
"""

from __future__ import annotations

import os

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.multiprocess import mark_process_dead

if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    # One of the same number may have been killed, in a container at every restart: this is not its heir.
    mark_process_dead(os.getpid())

TURN_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 5)
BARGE_IN_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)

TURN_LATENCY = Histogram(
    "aiker_turn_latency_seconds",
    "What each stage added to the time from voice to voice; the stage total is all of it.",
    ["stage", "profile"],
    buckets=TURN_BUCKETS,
)
TURNS = Counter("aiker_turns_total", "Turns by how they ended.", ["outcome"])
CALLS_ACTIVE = Gauge("aiker_calls_active", "Calls in progress.", multiprocess_mode="livesum")
CALLS = Counter("aiker_calls_total", "Calls by why they ended or were refused.", ["outcome"])
BARGE_INS = Counter("aiker_barge_in_total", "Replies that the caller interrupted.")
BARGE_IN_STOP = Histogram(
    "aiker_barge_in_stop_seconds",
    "From the caller's first sound over a reply to its silence.",
    buckets=BARGE_IN_BUCKETS,
)
ENGINE_ERRORS = Counter("aiker_engine_errors_total", "Failures that a call noticed.", ["stage", "code"])
GUARD_STOPS = Counter(
    "aiker_guard_stops_total", "Clauses of the language model that the guard kept from the caller.", ["kind"]
)
FRAMES_DROPPED = Counter("aiker_audio_frames_dropped_total", "Frames of audio nobody heard.", ["reason"])
LOOP_LAG = Histogram(
    "aiker_event_loop_lag_seconds", "How late the event loop of the web process was.", buckets=LAG_BUCKETS
)
SAMPLES_DROPPED = Counter(
    "aiker_monitoring_samples_dropped_total", "Samples that were thrown away rather than make a call wait."
)
SAMPLES_QUEUED = Gauge(
    "aiker_monitoring_samples_queued", "Samples that wait to be stored.", multiprocess_mode="livesum"
)
SPANS_DROPPED = Counter(
    "aiker_trace_spans_dropped_total", "Spans of traces that the collector did not take in time."
)
SPANS_QUEUED = Gauge(
    "aiker_trace_spans_queued", "Spans of traces that wait to be sent.", multiprocess_mode="livesum"
)
