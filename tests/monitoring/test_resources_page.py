"""The pages of the resources, targets, alarms and retention."""

from __future__ import annotations

import re
from datetime import timedelta
from statistics import fmean

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiker.calls.models import Assistant
from monitoring.error_budget import error_budget
from monitoring.models import Alarm, Retention, Sample, Target
from monitoring.resource_report import resource_report
from monitoring.resources import close_steps
from monitoring.turns import take_up_turns
from monitoring.windows import chosen
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:monitoring_sample_changelist")
ALARMS = reverse("admin:monitoring_alarm_changelist")
TARGETS = reverse("admin:monitoring_target_changelist")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


def sample(minutes_ago: float, values: dict[str, float] | None = None, host: str = "box") -> Sample:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    values = {"cpu_percent": 20.0, "memory_percent": 50.0} | (values or {})
    return Sample.objects.create(at=at, host=host, source="machine", values=values)


def text_of(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_before_the_first_sample_the_page_says_who_measures(admin_client: Client) -> None:
    assert "Nothing was measured yet" in text_of(admin_client, PAGE)


def test_a_machine_without_a_gpu_says_so_and_shows_the_rest(admin_client: Client) -> None:
    sample(0, {"engine_up|stt|whisper-base": 1.0, "process_mb|engines": 1450.0})
    page = text_of(admin_client, PAGE, window="1h")
    assert "This machine has no NVIDIA GPU" in page
    assert "Processor and memory" in page
    assert "whisper-base" in page
    assert "1.4 GB" in page


def test_gpus_are_shown_against_the_budget(admin_client: Client) -> None:
    values = {
        "gpu_memory_mb|0": 8192.0,
        "gpu_percent|0": 35.0,
        "gpu_memory_mb|1": 17408.0,
        "gpu_percent|1": 90.0,
    }
    sample(0, values)
    page = text_of(admin_client, PAGE, window="1h")
    assert "50%</td>" in page
    assert 'mon-bad">106%' in page
    assert page.count("GPU 1</li>") == 2  # in the legends of memory and utilisation


def test_what_engines_have_of_the_gpus_is_shown_against_the_budget(admin_client: Client) -> None:
    values = {
        "gpu_memory_mb|0": 13312.0,
        "process_mb|engines": 2048.0,
        "process_gpu_mb|engines": 4096.0,
        "process_mb|llm-server": 1024.0,
        "process_gpu_mb|llm-server": 8192.0,
        "process_mb|web": 3072.0,
    }
    sample(0, values)
    page = text_of(admin_client, PAGE, window="1h")
    rows = re.findall(r"<tr><td>([\w-]+)</td>(.*?)</tr>", page, re.DOTALL)
    shown = [(name, re.findall(r">([^<>\s][^<>]*)</td>", cells)) for name, cells in rows]
    assert shown == [
        ("llm-server", ["1.0 GB", "8.0 GB", "50%"]),
        ("engines", ["2.0 GB", "4.0 GB", "25%"]),
        ("web", ["3.0 GB", "–", "–"]),
    ]


def test_samples_that_web_processes_dropped_are_counted(admin_client: Client) -> None:
    def counted(minutes_ago: float, process: int, dropped: int, host: str = "box") -> None:
        values = {"loop_lag_ms": 1.0, "calls": 0, "samples_dropped": dropped}
        at = timezone.now() - timedelta(minutes=minutes_ago)
        Sample.objects.create(at=at, host=host, source=f"web:{process}", values=values)

    sample(0)
    tile = re.compile(r'Samples dropped</h2><p class="mon-number([\w -]*)">(\d+)</p>')
    assert tile.findall(text_of(admin_client, PAGE, window="1h")) == [("", "0")]
    for minutes_ago, process, dropped in [
        (500, 7, 4),
        (30, 7, 40),
        (20, 7, 60),
        (9, 7, 60),
        (9, 8, 0),
        (3, 8, 2),
    ]:
        counted(minutes_ago, process, dropped)
    counted(5, 7, 0, host="another")
    counted(4, 7, 999, host="another")
    assert tile.findall(text_of(admin_client, PAGE, window="1h")) == [(" mon-bad", "22")]
    assert tile.findall(text_of(admin_client, PAGE, window="24h")) == [(" mon-bad", "58")]


def test_an_engine_server_that_is_down_is_named_in_the_operators_language(admin_client: Client) -> None:
    sample(0, {"engine_up|server|engines": 0.0})
    assert "engines <small>Engine server</small>" in text_of(admin_client, PAGE)
    admin_client.cookies["django_language"] = "zh-hans"
    assert "engines <small>引擎服务</small>" in text_of(admin_client, PAGE)


def test_an_old_sample_is_told_as_old(admin_client: Client) -> None:
    sample(3)
    assert "the sampler does not run" in text_of(admin_client, PAGE)


def test_the_figures_are_those_of_the_samples() -> None:
    values = [float(10 + n % 37) for n in range(180)]
    for minute, value in enumerate(values):
        sample(200 - minute, {"gpu_percent|0": value})
    close_steps(timezone.now(), "box")
    rows = list(Sample.objects.order_by("at").values_list("at", "values"))
    report = resource_report(chosen("24h", timezone.now()))
    readings = report.series("gpu_percent")["gpu_percent|0"]
    assert len(readings) >= 36
    for reading in readings:
        inside = [
            v["gpu_percent|0"] for at, v in rows if reading.at <= at < reading.at + timedelta(minutes=5)
        ]
        assert (reading.average, reading.maximum) == (pytest.approx(fmean(inside)), max(inside))


def test_hosts_are_shown_apart(admin_client: Client) -> None:
    sample(0.2, {"cpu_percent": 11.0}, "gpu-1")
    sample(0.1, {"cpu_percent": 77.0}, "gpu-2")
    assert ">11%<" in text_of(admin_client, PAGE, host="gpu-1")
    assert ">77%<" in text_of(admin_client, PAGE, host="gpu-2")
    assert ">77%<" in text_of(admin_client, PAGE, host="no-such-host")


@pytest.fixture
def alarm() -> Alarm:
    target = Target.objects.get(metric="stt")
    return Alarm.objects.create(
        target=target, opened_at=timezone.now(), value=700, worst=900, consequences=[["total", ""]]
    )


def test_an_alarm_is_acknowledged_by_those_who_may(client: Client, alarm: Alarm) -> None:
    user = User.objects.create_user("op", password="x", is_staff=True)
    client.force_login(user)
    url = reverse("admin:monitoring_alarm_acknowledge_alarm", args=[alarm.pk])
    user.user_permissions.add(Permission.objects.get(codename="view_alarm"))
    page = text_of(client, reverse("admin:monitoring_alarm_change", args=[alarm.pk]))
    assert url not in page
    assert client.post(url).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="acknowledge_alarm"))
    assert url in text_of(client, reverse("admin:monitoring_alarm_change", args=[alarm.pk]))
    assert client.post(url).status_code == 302
    alarm.refresh_from_db()
    assert (alarm.state, alarm.acknowledged_by) == ("acknowledged", user)


def test_alarms_are_counted_in_the_sidebar_and_filtered(admin_client: Client, alarm: Alarm) -> None:
    page = text_of(admin_client, ALARMS, state="open")
    assert "0.90 s" in page
    assert "0.90 s" not in text_of(admin_client, ALARMS, state="resolved")
    change = text_of(admin_client, reverse("admin:monitoring_alarm_change", args=[alarm.pk]))
    assert "Voice to voice" in change
    badge = re.compile(r'<span class="[^"]*bg-red-100[^"]*">(.*?)</span>')
    assert badge.findall(page) == ["1"]
    alarm.delete()
    assert badge.findall(text_of(admin_client, TARGETS)) == []


def test_targets_show_how_they_stand(admin_client: Client) -> None:
    make_turns([1000] * 19 + [4000], timezone.now() - timedelta(seconds=40))
    take_up_turns()
    target = Target.objects.get(metric="total")
    budget = error_budget(target, timezone.now())
    assert budget is not None
    # One turn in twenty is over 2 s, which is just what the 95th percentile allows.
    assert (budget.used, budget.burn_rate) == (pytest.approx(1), pytest.approx(1))
    page = text_of(admin_client, TARGETS)
    assert "100% used, burning 1.0×" in page
    assert "95% at most 2.00 s over 5 min" in page


def test_a_target_is_added_for_an_assistant(admin_client: Client) -> None:
    Assistant.objects.create(slug="anna", name="Anna")
    values = {"metric": "stt", "scope": "assistant:anna", "percentile": 90, "threshold": 400, "window_s": 600,
              "min_count": 5, "is_active": "on"}  # fmt: skip
    assert admin_client.post(reverse("admin:monitoring_target_add"), values).status_code == 302
    assert Target.objects.get(scope="assistant:anna").threshold == 400


def test_the_plans_targets_are_there() -> None:
    found = {target.metric: target.threshold for target in Target.objects.all()}
    assert found == {
        "stt": 500, "tts_first_audio": 300, "llm_first_token": 1000, "total": 2000, "gpu_memory_mb": 16384,
        "gpu_percent": 80, "engine_down": 0, "failed_percent": 20, "stopped_percent": 20,
    }  # fmt: skip


def test_retention_is_changed_in_the_list(admin_client: Client) -> None:
    url = reverse("admin:monitoring_retention_changelist")
    rows = list(Retention.objects.all())
    form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for place, row in enumerate(rows):
        form |= {f"form-{place}-id": row.pk, f"form-{place}-days": row.days or ""}
    form["form-0-days"] = 30
    assert admin_client.post(url, form).status_code == 302
    assert Retention.objects.get(kind="audio").days == 30
