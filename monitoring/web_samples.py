"""What only the web process knows of itself: its event loop's lag and its calls, a sample every ten seconds.

::

    web_samples.lagged(0.004)       # at every reading of ``aiker.loop_lag``, on the event loop
    web_samples.calls += 1
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from monitoring.bounded_writer import BoundedWriter

EVERY_S = 10.0


class WebSamples:
    """Collects readings and hands one sample in ``EVERY_S`` seconds to the writer."""

    def __init__(
        self, writer: BoundedWriter[dict[str, Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.calls = 0
        self._writer = writer
        self._clock = clock
        self._since = clock()
        self._lags: list[float] = []

    def lagged(self, seconds: float) -> None:
        """Take one reading; the sample that it completes goes to the writer."""
        self._lags.append(seconds)
        now = self._clock()
        if now - self._since < EVERY_S:
            return
        values = {
            "loop_lag_ms": round(max(self._lags) * 1000, 2),
            "calls": self.calls,
            "samples_dropped": self._writer.dropped,
        }
        self._writer.put({"at": timezone.now(), "source": f"web:{os.getpid()}", "values": values})
        self._since, self._lags = now, []


def store(samples: Sequence[dict[str, Any]]) -> None:
    """Write samples of this host; on the writer's thread."""
    from monitoring.models import Sample

    close_old_connections()
    try:
        host = socket.gethostname()
        Sample.objects.bulk_create(Sample(host=host, **sample) for sample in samples)
    finally:
        close_old_connections()


web_samples = WebSamples(BoundedWriter(store))
