"""The sampler's own process: GPU memory over its target opens an alarm, and a receiver is told of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiker.config import BASE_DIR
from aiker.signing import SIGNATURE, is_signed
from tests.calls.tools.receiver import Receiver, receiving

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-receiver"
SETTLE_S = 10  # that a notification waits

RECIPIENT = f"""
import django; django.setup()
from monitoring.models import Recipient
recipient = Recipient(name="platform", channel="webhook", address="ADDRESS", language="en")
recipient.signing_key = "{KEY}"
recipient.full_clean()
recipient.save()
"""
BREACH = """
import django; django.setup()
from django.utils import timezone
from monitoring.models import Sample
Sample.objects.create(at=timezone.now(), host="gpu-1", source="machine", values={"gpu_memory_mb|0": MB})
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def env(receiver: Receiver, tmp_path: Path) -> dict[str, str]:
    env = os.environ | {
        "AIKER_DATA_DIR": str(tmp_path),
        "AIKER_ALARM_HOSTS": f'["{receiver.entry}"]',
        "DJANGO_SETTINGS_MODULE": "aiker.settings",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=BASE_DIR, env=env, check=True)
    code = RECIPIENT.replace("ADDRESS", receiver.url("/json"))
    subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, env=env, check=True)
    return env


def test_a_breach_is_told_within_seconds(receiver: Receiver, env: dict[str, str]) -> None:
    monitor = subprocess.Popen([sys.executable, "manage.py", "monitor"], cwd=BASE_DIR, env=env)
    try:
        code = BREACH.replace("MB", "17500")
        subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, env=env, check=True)
        breached = time.monotonic()
        # The process may still be starting; then 15 s for the alarm, and what a notification waits.
        assert receiver.arrived.wait(20 + 15 + SETTLE_S)
        print(f"told {time.monotonic() - breached:.1f} s after the breach")
    finally:
        monitor.terminate()
        assert monitor.wait(15) == 0
    (got,) = receiver.got
    assert is_signed(KEY, got.body, got.headers[SIGNATURE], now_s=time.time())
    event: dict[str, Any] = got.json["events"][0]
    assert (event["event"], event["alarm"]["metric"], event["alarm"]["value"]) == (
        "opened",
        "gpu_memory_mb",
        17500,
    )
