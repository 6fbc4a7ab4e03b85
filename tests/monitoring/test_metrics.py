"""What Prometheus reads of calls, and who may read it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.dispatch import receiver
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from aiker.calls import observing
from aiker.calls.models import Assistant
from aiker.calls.plan import plan_for
from aiker.config import BASE_DIR
from engines.errors import EngineError
from monitoring.models import Sample
from monitoring.stored_metrics import reading
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def plan() -> Any:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜"))


def test_a_turn_is_counted_with_each_of_its_contributions(plan: Any) -> None:
    before = {
        stage: value("aiker_turn_latency_seconds_count", stage=stage, profile="")
        for stage in ("endpoint_wait", "stt", "llm_first_token", "tts_first_audio", "playout", "total")
    }
    sums = value("aiker_turn_latency_seconds_sum", stage="total", profile="")
    ended = value("aiker_calls_total", outcome="hung_up")
    heard: list[Any] = []

    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点开门。"]))
        await call.waits(2)
        assert value("aiker_calls_active") == 1
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        heard.extend(call.all("turn_finished"))

    play(scenario)
    counted = {s: value("aiker_turn_latency_seconds_count", stage=s, profile="") for s in before}
    assert counted == {stage: count + 1 for stage, count in before.items()}
    sums = value("aiker_turn_latency_seconds_sum", stage="total", profile="") - sums
    assert sums == pytest.approx(heard[0]["voice_to_voice_ms"] / 1000)
    assert value("aiker_calls_total", outcome="hung_up") == ended + 1
    assert value("aiker_calls_active") == 0


def test_a_barge_in_is_counted_and_timed(plan: Any) -> None:
    count, stopped = value("aiker_barge_in_total"), value("aiker_barge_in_stop_seconds_sum")

    async def scenario() -> None:
        call = ScriptedCall(
            plan, StandInEngines(hears=["说说看", "停"], answers=["很长的一段话。" * 5, "好。"])
        )
        await call.waits(2)
        await call.speaks(1)
        await call.waits(3)
        await call.speaks(1)
        await call.waits(3)
        await call.hangs_up()

    play(scenario)
    assert value("aiker_barge_in_total") == count + 1
    # Two windows of speech hold a reply; the first began before the speech, each is scored when it is full.
    assert value("aiker_barge_in_stop_seconds_sum") - stopped == pytest.approx(0.112, abs=0.04)


def test_a_failure_of_an_engine_is_counted(plan: Any) -> None:
    before = value("aiker_engine_errors_total", stage="llm", code="timeout")

    async def scenario() -> None:
        failing = EngineError("llm", "timeout", "stand-in")
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=[failing]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()

    play(scenario)
    assert value("aiker_engine_errors_total", stage="llm", code="timeout") == before + 1


def test_a_receiver_that_fails_does_not_touch_the_call(plan: Any) -> None:
    @receiver(observing.call_event)
    def fails(**_: Any) -> None:
        raise RuntimeError("a bug in what listens")

    async def scenario() -> None:
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点开门。"]))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(4)
        await call.hangs_up()
        assert call.all("turn_finished")[0]["heard_text"] == "九点开门。"

    try:
        play(scenario)
    finally:
        observing.call_event.disconnect(fails)


def families(page: bytes) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(page.decode())}


def test_the_page_shows_what_the_sampler_stored_and_no_old_numbers(client: Client) -> None:
    values = {
        reading("engine_up", "stt", "whisper-base"): 1,
        reading("gpu_memory_mb", "0"): 1024,
        reading("process_gpu_mb", "engines"): 512,
    }
    sample = Sample.objects.create(at=timezone.now(), host="h", source="machine", values=values)
    page = families(client.get("/metrics").content)
    up = page["aiker_engine_up"].samples[0]
    assert (up.labels, up.value) == ({"kind": "stt", "engine": "whisper-base"}, 1)
    assert page["aiker_gpu_memory_used_bytes"].samples[0].value == 1024 * 2**20
    held = page["aiker_process_gpu_memory_bytes"].samples[0]
    assert (held.labels, held.value) == ({"process": "engines"}, 512 * 2**20)

    sample.at -= timedelta(minutes=5)
    sample.save()
    page = families(client.get("/metrics").content)
    assert "aiker_engine_up" not in page
    assert page["aiker_sampler_age_seconds"].samples[0].value == pytest.approx(300, abs=20)


@pytest.mark.parametrize(
    ("token", "asked", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "10.1.2.3"}, 403),
        ("", {"REMOTE_ADDR": "192.168.7.9"}, 200),
        ("", {"REMOTE_ADDR": ""}, 403),
        ("", {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
        ("", {"HTTP_FORWARDED": "for=127.0.0.1"}, 403),
        ("", {"HTTP_X_FORWARDED_PROTO": "https"}, 403),
        ("", {"HTTP_X_REAL_IP": "127.0.0.1"}, 403),
        ("", {"HTTP_VIA": "1.1 proxy"}, 403),
        ("secret", {}, 403),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer wrong"}, 403),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer secret", "REMOTE_ADDR": "10.1.2.3"}, 200),
    ],
)
def test_who_may_read_the_metrics(
    client: Client, monkeypatch: pytest.MonkeyPatch, token: str, asked: dict[str, str], status: int
) -> None:
    monkeypatch.setattr(settings.AIKER, "metrics_token", SecretStr(token) if token else None)
    monkeypatch.setattr(settings.AIKER, "metrics_networks", ["127.0.0.0/8", "192.168.0.0/16"])
    assert client.get("/metrics", **asked).status_code == status  # type: ignore[arg-type]


# It is over with a call in progress, as if it was killed.
SECOND_PROCESS = """
import django; django.setup()
from monitoring import metrics
metrics.CALLS.labels(outcome="hung_up").inc(2)
metrics.CALLS_ACTIVE.inc()
"""
# It has the number of one of those.
LIVING_PROCESS = """
import os
from pathlib import Path
left = next(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_livesum_*.db"))
left.rename(left.with_name(f"gauge_livesum_{os.getpid()}.db"))

import django; django.setup()
from monitoring import metrics
from monitoring.export import registry
metrics.CALLS_ACTIVE.inc()
shown = registry()
print(shown.get_sample_value("aiker_calls_total", {"outcome": "hung_up"}))
print(shown.get_sample_value("aiker_calls_active"))
"""


def test_several_processes_are_added_up_and_dead_ones_have_no_calls(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=BASE_DIR, check=True)
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "aiker.settings"}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", SECOND_PROCESS], cwd=BASE_DIR, env=env, check=True)
    assert len(list(tmp_path.glob("gauge_livesum_*.db"))) == 2
    show = [sys.executable, "-c", LIVING_PROCESS]
    done = subprocess.run(show, cwd=BASE_DIR, env=env, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["4.0", "1.0"]
