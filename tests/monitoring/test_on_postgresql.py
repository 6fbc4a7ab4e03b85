"""The queries of the monitoring say the same on PostgreSQL: its tests run there too, if one is reachable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiker.config import BASE_DIR
from bench.postgresql import temporary_database, why_not

HERE = Path(__file__).parent
# What asks the database: pages, samples, turns, alarms and what follows of them, retention.
QUERIES = [
    "../calls/call_page/test_page.py",
    "test_cost.py",
    "test_error_budget.py",
    "test_latency_page.py",
    "test_notifications.py",
    "test_notification_pages.py",
    "test_quality_page.py",
    "test_resources_page.py",
    "test_retention.py",
    "test_sampler.py",
    "test_turns.py",
]


def test_the_tests_of_queries_pass_on_postgresql(pytestconfig: pytest.Config) -> None:
    if reason := why_not():
        pytest.skip(reason)
    with temporary_database("tests") as url:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--randomly-seed={pytestconfig.getoption('randomly_seed')}"]
        done = subprocess.run(
            [*command, *(str(HERE / name) for name in QUERIES)],
            cwd=BASE_DIR,
            env=env | {"AIKER_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
