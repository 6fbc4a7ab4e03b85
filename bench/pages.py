"""How long the pages of the monitoring take with a million turns: ``python -m bench pages``, or so many.

The turns are written into a database of their own and taken up as the sampler does; both take a while. A page
is asked for as a browser does, through every middleware, and once before it is timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

from aiker.config import BASE_DIR

if TYPE_CHECKING:
    from django.test import Client

TURNS = 1_000_000
BATCH = 20_000
ASKED = 5
LIMIT_MS = 500

PAGES = {
    "latency": "/admin/monitoring/turnsample/",
    "resources": "/admin/monitoring/sample/",
    "alarms": "/admin/monitoring/alarm/",
    "targets": "/admin/monitoring/target/",
}
WINDOWS = {"latency": ("1h", "24h", "7d", "30d"), "resources": ("24h",)}


def run(turns: int = TURNS) -> None:
    """Measure in a process of its own, with its own database."""
    with tempfile.TemporaryDirectory(prefix="aiker-pages-") as data_dir:
        env = os.environ | {"AIKER_DATA_DIR": data_dir, "DJANGO_SETTINGS_MODULE": "aiker.settings"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=BASE_DIR, env=env, check=True)
        command = [sys.executable, "-m", "bench.pages", str(turns)]
        subprocess.run(command, cwd=BASE_DIR, env=env, check=True)


def fill_and_measure(turns: int) -> None:
    from django.utils import timezone

    from bench.generated_turns import fill
    from monitoring.turns import take_up_turns

    began = time.perf_counter()
    fill(turns, timezone.now())
    written = time.perf_counter()
    while take_up_turns(BATCH):
        pass
    taken = time.perf_counter()
    print(f"{turns:,} turns written in {written - began:.0f} s, taken up in {taken - written:.0f} s")
    print(f"  ({(taken - written) / turns * 1e6:.0f} µs a turn)")
    measure()


def measure() -> None:
    """Time each page of the database of the settings."""
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_superuser": True, "is_staff": True, "is_active": True}
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    print(f"{'page':<12}{'window':<8}{'median ms':>10}{'worst ms':>10}{'KB':>8}")
    for name, address in PAGES.items():
        for window in WINDOWS.get(name, ("",)):
            times, size = _ask(client, address, window)
            late = "" if median(times) < LIMIT_MS else f"  over {LIMIT_MS}"
            print(f"{name:<12}{window:<8}{median(times):>10.0f}{max(times):>10.0f}{size / 1000:>8.0f}{late}")


def _ask(client: Client, address: str, window: str) -> tuple[list[float], int]:
    times, size = [], 0
    for _ in range(ASKED + 1):
        began = time.perf_counter()
        answer = client.get(address, {"window": window} if window else {})
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.status_code
        size = len(answer.content)
    return times[1:], size


if __name__ == "__main__":
    import django

    django.setup()
    fill_and_measure(int(sys.argv[1]))
