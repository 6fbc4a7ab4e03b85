"""What ``manage.py monitor`` and a web process leave behind in seven days, for the benches of pages.

::

    fill_samples(timezone.now())         # into the database of the settings
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from monitoring.models import Sample
from monitoring.resources import MACHINE, close_steps

HOST = "bench"
DAYS = 7
EVERY = timedelta(seconds=10)
BATCH = 5000


def fill_samples(until: datetime, days: int = DAYS, seed: int = 7) -> None:
    """Write a sample of the machine and one of a web process for every 10 s, and their distributions."""
    rng = random.Random(seed)
    moments = (until - EVERY * number for number in range(timedelta(days=days) // EVERY, 0, -1))
    Sample.objects.bulk_create((one for at in moments for one in _samples(rng, at)), batch_size=BATCH)
    close_steps(until, HOST)


def _samples(rng: random.Random, at: datetime) -> Iterator[Sample]:
    machine = {
        "cpu_percent": rng.uniform(5, 80),
        "memory_percent": rng.gauss(60, 3),
        "disk_percent": 40.0,
        "gpu_percent|0": rng.uniform(0, 90),
        "gpu_memory_mb|0": rng.gauss(9000, 400),
        "gpu_celsius|0": rng.gauss(60, 4),
        "gpu_watts|0": rng.uniform(60, 250),
        "engine_up|stt|whisper-base": 1.0,
        "engine_up|tts|kokoro-int8": 1.0,
        "engine_queue|stt|whisper-base": float(rng.randrange(3)),
        "engine_queue|tts|kokoro-int8": float(rng.randrange(3)),
        "process_mb|web": rng.gauss(430, 5),
        "process_mb|engines": rng.gauss(1450, 20),
        "tasks_waiting": float(rng.randrange(2)),
    }
    web = {"loop_lag_ms": rng.expovariate(0.5), "samples_dropped": 0.0}
    yield Sample(at=at, host=HOST, source=MACHINE, values=machine)
    yield Sample(at=at, host=HOST, source="web:1", values=web)
