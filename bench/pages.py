"""How long the pages of the monitoring take with a million turns: ``python -m bench pages``, or so many.

The turns are written into a database of their own and taken up as the sampler does; both take a while. A page
is asked for as a browser does, through every middleware, and once before it is timed. On SQLite, and on
PostgreSQL where one is reachable (``bench.postgresql``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

from aiker.config import BASE_DIR
from bench.own_process import in_its_own
from bench.postgresql import temporary_database, why_not
from bench.report import Metric

if TYPE_CHECKING:
    from django.test import Client

TURNS = 1_000_000
BATCH = 20_000
ASKED = 5
LIMIT_MS = 500

PAGES = {
    "now": "/admin/monitoring/now/",
    "calls": "/admin/calls/call/",
    "a call": "/admin/calls/call/{call}/change/",
    "latency": "/admin/monitoring/turnsample/",
    "one step": "/admin/monitoring/turnsample/?step=stt",
    "resources": "/admin/monitoring/sample/",
    "quality": "/admin/monitoring/finding/",
    "refusals": "/admin/monitoring/finding/?notice=refused&reviewed=no",
    "of one": "/admin/monitoring/finding/?assistant=anna&notice=hung_up",
    "every turn": "/admin/monitoring/finding/?notice=turns&page=9",
    "cost": "/admin/monitoring/tally/",
    "alarms": "/admin/monitoring/alarm/",
    "targets": "/admin/monitoring/target/",
}
EVERY = ("1h", "24h", "7d", "30d")
WINDOWS = {
    "latency": EVERY,
    "one step": EVERY,
    "resources": EVERY,
    "quality": EVERY,
    "refusals": ("30d",),
    "of one": ("30d",),
    "every turn": ("30d",),
    "cost": EVERY,
}


def run(turns: int = TURNS) -> list[Metric]:
    """Measure in a process of its own, with databases of their own."""
    print("SQLite", flush=True)
    found = _metrics("SQLite", _run_on("", turns))
    if reason := why_not():
        print(f"PostgreSQL is left out: {reason}")
        return found
    print("\nPostgreSQL", flush=True)
    with temporary_database("pages") as url:
        return [*found, *_metrics("PostgreSQL", _run_on(url, turns))]


def _metrics(database: str, measured: list[tuple[str, str, float]]) -> list[Metric]:
    """Make a page's slowest window one figure."""
    slowest: dict[str, float] = {}
    for page, _, ms in measured:
        slowest[page] = max(ms, slowest.get(page, 0.0))
    return [Metric(f"{database}: {page}", round(ms, 1), "ms", LIMIT_MS) for page, ms in slowest.items()]


def _run_on(database_url: str, turns: int) -> list[tuple[str, str, float]]:
    with tempfile.TemporaryDirectory(prefix="aiker-pages-") as data_dir:
        env = os.environ | {
            "AIKER_DATA_DIR": data_dir,
            "AIKER_DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "aiker.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=BASE_DIR, env=env, check=True)
        measured: list[tuple[str, str, float]] = in_its_own("bench.pages", str(turns), env=env)
        return measured


def fill_and_measure(turns: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from bench.generated_samples import fill_samples
    from bench.generated_turns import fill
    from monitoring.quality.counting import ended_calls, take_up_calls
    from monitoring.turns import take_up_turns

    began = time.perf_counter()
    fill(turns, timezone.now())
    fill_samples(timezone.now())
    written = time.perf_counter()
    while take_up_turns(BATCH):
        pass
    while ended := ended_calls(BATCH):
        take_up_calls(ended)
    taken = time.perf_counter()
    print(f"{turns:,} turns written in {written - began:.0f} s, taken up in {taken - written:.0f} s")
    print(f"  ({(taken - written) / turns * 1e6:.0f} µs a turn)")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum has done where turns came one by one
    print(json.dumps(measure()))


def measure() -> list[tuple[str, str, float]]:
    """Time each page of the database of the settings: page, window, median ms."""
    from django.contrib.auth.models import User
    from django.test import Client

    from aiker.calls.models import Call

    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_superuser": True, "is_staff": True, "is_active": True}
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    call = Call.objects.latest("started_at").pk
    print(f"{'page':<12}{'window':<8}{'median ms':>10}{'worst ms':>10}{'KB':>8}")
    measured = []
    for name, address in PAGES.items():
        for window in WINDOWS.get(name, ("",)):
            times, size = _ask(client, address.format(call=call), window)
            late = "" if median(times) < LIMIT_MS else f"  over {LIMIT_MS}"
            print(
                f"{name:<12}{window:<8}{median(times):>10.0f}{max(times):>10.0f}{size / 1000:>8.0f}{late}",
                flush=True,
            )
            measured.append((name, window, median(times)))
    return measured


def _ask(client: Client, address: str, window: str) -> tuple[list[float], int]:
    times, size = [], 0
    for _ in range(ASKED + 1):
        began = time.perf_counter()
        join = "&" if "?" in address else "?"
        answer = client.get(f"{address}{join}window={window}" if window else address)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.status_code
        size = len(answer.content)
    return times[1:], size


if __name__ == "__main__":
    import django

    django.setup()
    fill_and_measure(int(sys.argv[1]))
