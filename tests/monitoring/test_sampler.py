"""What the sampler stores, and the alarms of an injected delay and of injected GPU memory."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from aiker.calls.models import Call
from monitoring import retention
from monitoring import sampler as sampling
from monitoring.engine_state import engine_readings
from monitoring.gpus import Gpus
from monitoring.machine import process_name
from monitoring.models import Alarm, Retention, Rollup, Sample, Target
from monitoring.rollups import stretches
from monitoring.sampler import Sampler
from monitoring.sketches import Sketch
from tests.monitoring.test_turns import make_turns
from tests.ports import free_port

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


class ScriptedGpu:
    """A GPU that says what the test tells it to."""

    def __init__(self) -> None:
        self.memory_mb = 9000.0
        self.percent = 30.0

    def readings(self) -> dict[str, float]:
        return {"gpu_memory_mb|0": self.memory_mb, "gpu_percent|0": self.percent}


@pytest.fixture
def gpu() -> ScriptedGpu:
    return ScriptedGpu()


@pytest.fixture
def sampler(gpu: ScriptedGpu) -> Sampler:
    return Sampler(gpu.readings, lambda: {"engine_up|stt|whisper-base": 1.0})


def seconds_until(sampler: Sampler, start: datetime, condition: Any, most: int = 400) -> int:
    """Turn the sampler every five seconds from ``start``; return after how many the condition holds."""
    for elapsed in range(0, most, int(sampling.EVERY_S)):
        sampler.turn(start + timedelta(seconds=elapsed))
        if condition():
            return elapsed
    raise AssertionError(f"not within {most} s")


def test_a_sample_holds_what_the_machine_uses(sampler: Sampler) -> None:
    sampler.turn(NOW)
    values = Sample.objects.get(source="machine").values
    assert 0 < values["memory_percent"] < 100
    assert values["disk_free_mb"] > 0
    assert values["gpu_memory_mb|0"] == 9000
    assert values["engine_up|stt|whisper-base"] == 1
    assert values["documents|indexed"] == 0
    # Run alone, it knows of itself only.
    assert [name for name in values if name.startswith("process_mb|")] != []


def test_engines_that_are_down_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.AIKER, "engines_port", free_port())
    assert engine_readings() == {"engine_up|server|engines": 0.0}


def test_a_machine_without_a_driver_has_no_readings_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    def no_driver() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_driver)
    assert Gpus().readings() == {}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/usr/bin/python", "-m", "daphne", "-p", "8000", "aiker.asgi:application"], "web"),
        (["python", "/srv/aiker/manage.py", "serve_engines"], "engines"),
        (["python", "manage.py", "worker"], "worker"),
        (["python", "-c", "import sys; from chromadb.cli.cli import app", "run"], "chroma"),
        (["/opt/.venv-vllm/bin/vllm", "serve"], "llm-server"),
        ([], "other"),
    ],
)
def test_processes_have_the_names_that_operators_know(command: list[str], name: str) -> None:
    assert process_name(command) == name


def test_an_engine_that_goes_down_raises_an_alarm_within_15_s_and_it_resolves() -> None:
    engines = {"engine_up|stt|whisper-base": 1.0, "engine_up|tts|kokoro": 1.0}
    sampler = Sampler(dict, lambda: engines)
    sampler.turn(NOW)
    engines["engine_up|tts|kokoro"] = 0.0
    assert seconds_until(sampler, NOW + timedelta(seconds=5), Alarm.objects.exists) <= 15
    alarm = Alarm.objects.get()
    assert (alarm.target.metric, alarm.value) == ("engine_down", 1)
    engines["engine_up|tts|kokoro"] = 1.0
    back = NOW + timedelta(seconds=30)
    assert seconds_until(sampler, back, Alarm.objects.exclude(resolved_at=None).exists) <= 60
    alarm.refresh_from_db()
    assert alarm.state == "resolved"


def test_engines_have_time_to_load_before_they_count_as_down() -> None:
    engines = {"engine_up|server|engines": 0.0}
    sampler = Sampler(dict, lambda: engines)
    loading = int(sampling.LOADING.total_seconds())
    assert seconds_until(sampler, NOW, Alarm.objects.exists) == loading


def test_what_is_old_goes_a_little_at_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "REMOVE_S", 0)
    monkeypatch.setattr(retention, "CALLS", 1)
    Retention.objects.filter(kind="text").update(days=7)
    old = NOW - timedelta(days=30)
    Call.objects.bulk_create(Call(wire="softphone", started_at=old) for _ in range(3))
    sampler, left = Sampler(dict, dict), []
    for turn in range(5):
        sampler.turn(NOW + turn * timedelta(seconds=5))
        left.append(Call.objects.count())
    assert left == [2, 1, 0, 0, 0]
    Call.objects.create(wire="softphone", started_at=old)
    sampler.turn(NOW + timedelta(seconds=30))
    assert Call.objects.count() == 1  # the next time is in an hour
    sampler.turn(NOW + timedelta(hours=1, minutes=1))
    assert Call.objects.count() == 0


def test_a_part_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> dict[str, float]:
        raise RuntimeError("the driver is gone")

    Target.objects.filter(metric="total").update(threshold=100)
    make_turns([1500] * 3, NOW - timedelta(seconds=10))
    with caplog.at_level(logging.ERROR):
        Sampler(broken).turn(NOW)
    assert "sample could not be done" in caplog.text
    assert Alarm.objects.get().target.metric == "total"


def test_an_injected_delay_raises_an_alarm_within_15_s_and_it_resolves(sampler: Sampler) -> None:
    make_turns([1200] * 5, NOW - timedelta(seconds=60))
    seconds_until(sampler, NOW, lambda: not Alarm.objects.exists())
    slow_from = NOW + timedelta(seconds=30)
    make_turns([2800] * 5, slow_from)  # recognition takes a quarter: 700 ms
    opened = seconds_until(sampler, slow_from + timedelta(seconds=5), Alarm.objects.exists)
    assert opened <= 15
    alarm = Alarm.objects.get()
    assert (alarm.target.metric, alarm.value, alarm.state) == ("stt", 700, "open")
    assert alarm.consequences == [["total", ""]]

    # The delay is gone; the slow turns leave the window of five minutes.
    resolved = seconds_until(
        sampler,
        slow_from + timedelta(seconds=60),
        lambda: Alarm.objects.filter(resolved_at=None).count() == 0,
    )
    assert 200 < resolved < 300
    # And with them all that there was to judge by.
    assert Alarm.objects.get().state == "unmeasured"


def test_an_alarm_of_a_delay_that_is_gone_is_resolved_by_turns_that_are_fast(sampler: Sampler) -> None:
    make_turns([2800] * 3, NOW)
    seconds_until(sampler, NOW + timedelta(seconds=5), Alarm.objects.exists)
    make_turns([1200] * 5, NOW + timedelta(seconds=280))
    over = Alarm.objects.exclude(resolved_at=None)
    assert seconds_until(sampler, NOW + timedelta(seconds=290), over.exists) <= 30
    assert Alarm.objects.get().state == "resolved"


def test_injected_gpu_memory_raises_an_alarm_within_15_s_and_it_resolves(
    sampler: Sampler, gpu: ScriptedGpu
) -> None:
    sampler.turn(NOW)
    assert not Alarm.objects.exists()
    gpu.memory_mb = 17500
    opened = seconds_until(sampler, NOW + timedelta(seconds=5), Alarm.objects.exists)
    assert opened <= 15
    assert Alarm.objects.get().value == 17500
    gpu.memory_mb = 9000
    resolved = seconds_until(
        sampler, NOW + timedelta(seconds=30), lambda: not Alarm.objects.filter(resolved_at=None).exists()
    )
    assert resolved <= 60
    alarm = Alarm.objects.get()
    assert (alarm.state, alarm.worst) == ("resolved", 17500)


def test_samples_become_distributions_of_five_minutes_hours_and_days(
    sampler: Sampler, gpu: ScriptedGpu
) -> None:
    start = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)  # midnight in Shanghai
    values = []
    for minute in range(130):
        gpu.percent = float(minute % 70 + 1)
        values.append(gpu.percent)
        sampler.turn(start + timedelta(minutes=minute))
    sampler.turn(start + timedelta(days=1, seconds=1))
    scope = Rollup.objects.exclude(scope="").values_list("scope", flat=True)[0]
    metric = "gpu_percent|0"
    hours = stretches(Rollup.Step.HOUR, scope, start, start + timedelta(hours=3), [metric])
    assert [hour[metric].count for hour in hours.values()] == [60, 60, 10]
    (day,) = stretches(Rollup.Step.DAY, scope, start, start + timedelta(days=1), [metric]).values()
    assert day[metric].to_bytes() == Sketch.of(values).to_bytes()


def test_steps_are_caught_up_on_after_a_stop(sampler: Sampler) -> None:
    for minute in (1, 2, 3):
        Sample.objects.create(
            at=NOW + timedelta(minutes=minute),
            host=sampler._host,
            source="machine",
            values={"cpu_percent": 50},
        )
    sampler.turn(NOW + timedelta(minutes=40))
    sampler.turn(NOW + timedelta(minutes=41))
    (row,) = Rollup.objects.filter(step=Rollup.Step.FIVE_MINUTES, metric="cpu_percent")
    assert (row.start, row.count) == (NOW, 3)
