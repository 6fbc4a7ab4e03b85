"""A line of samples to be stored, that never makes the one who samples wait.

::

    writer = BoundedWriter(store, limit=1000)
    writer.put(sample)          # from anywhere, microseconds; dropped and counted when the line is full
    writer.dropped, writer.waiting

``store(samples)`` runs on a thread of its own, started by the first sample, with all that wait. What it
raises is logged and those samples count as dropped. ``dropped`` and ``queued`` are the metrics that tell so.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge

from monitoring import metrics

logger = logging.getLogger(__name__)
T = TypeVar("T")


class BoundedWriter(Generic[T]):
    """See the module."""

    def __init__(
        self,
        store: Callable[[Sequence[T]], None],
        limit: int = 1000,
        *,
        dropped: Counter = metrics.SAMPLES_DROPPED,
        queued: Gauge = metrics.SAMPLES_QUEUED,
        what: str = "samples",
    ) -> None:
        self._store = store
        self._dropped_metric = dropped
        self._queued_metric = queued
        self._what = what
        self._queue: queue.Queue[T] = queue.Queue(limit)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def put(self, sample: T) -> None:
        """Queue ``sample``, or drop it."""
        if self._thread is None:
            self._start()
        try:
            self._queue.put_nowait(sample)
        except queue.Full:
            self._count_dropped(1)
        self._queued_metric.set(self.waiting)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"{self._what}-writer", daemon=True)
                self._thread.start()

    def _count_dropped(self, samples: int) -> None:
        with self._lock:
            self.dropped += samples
        self._dropped_metric.inc(samples)

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                self._store(batch)
            except ConnectionError as exc:
                logger.warning("%d %s are lost: %s", len(batch), self._what, exc)
                self._count_dropped(len(batch))
            except Exception:
                # Whatever is wrong with the database, the calls go on and the next samples are tried.
                logger.exception("%d %s could not be stored", len(batch), self._what)
                self._count_dropped(len(batch))
            self._queued_metric.set(self.waiting)
