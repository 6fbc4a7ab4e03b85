"""``manage.py monitor``: samples, roll-ups, targets and retention."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone

from monitoring.delivery import deliver
from monitoring.sampler import EVERY_S, Sampler


class Command(BaseCommand):
    help = (
        "Watch the machine, the engines and the turns of calls; raise and send alarms. One an installation."
    )
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        ended = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: ended.set())
        # A receiver that hangs must not keep the targets from being watched.
        threading.Thread(target=deliver, args=(ended,), name="notifications", daemon=True).start()
        sampler = Sampler()
        while not ended.is_set():
            began = time.monotonic()
            close_old_connections()
            sampler.turn(timezone.now())
            ended.wait(max(0.0, EVERY_S - (time.monotonic() - began)))
