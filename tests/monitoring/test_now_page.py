"""The page of now: who may open it, and what surrounds the calls, against the rows."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiker.calls.events import CallEvent
from aiker.calls.models import Assistant
from aiker.calls.templatetags.calls_extras import why_skipped
from knowledge.models import IndexChange, IndexVersion, KnowledgeBase
from monitoring import engine_state, live_state
from monitoring.live import Board
from monitoring.live_feed import feed
from monitoring.live_state import read_surroundings
from monitoring.models import Alarm, Sample, Target
from tests.monitoring.test_live_board import FedCall
from tests.ports import free_port

pytestmark = pytest.mark.django_db

PAGE = "/admin/monitoring/now/"


@pytest.fixture(autouse=True)
def no_engine_answers(settings: Settings) -> None:
    ports = {"engines_port": free_port(), "llm_port": free_port()}
    settings.AIKER = settings.AIKER.model_copy(update=ports)


def test_the_page_is_for_staff_who_may_see_calls(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
    user = User.objects.create_user("li", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_call"))
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE).status_code == 405


def test_every_failure_of_an_engine_has_words(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    told = dict(re.findall(r'data-key="code_(\w+)">(.*?)</span>', page))
    codes = ["timeout", "unreachable", "refused", "broken", "empty"]
    assert told == {code: why_skipped(code) for code in codes}
    assert told["timeout"] == "超出时限"


def test_the_sidebar_counts_the_calls(
    client: Client, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(lambda: 0.0)
    monkeypatch.setattr(feed, "board", board)
    badge = 'bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400">'
    assert badge not in admin_client.get(PAGE).content.decode()
    calls = [FedCall(board), FedCall(board), FedCall(board)]
    calls[0].tells(CallEvent.CALL_ENDED, reason="hung_up")
    assert f"{badge}2</span>" in admin_client.get(PAGE).content.decode()
    client.force_login(User.objects.create_user("li", is_staff=True))
    assert badge not in client.get(reverse("admin:index")).content.decode()


def test_what_surrounds_the_calls_is_that_of_the_rows() -> None:
    Assistant.objects.create(slug="anna", name="安娜")
    now = timezone.now()
    base = KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")
    base.active_version = IndexVersion.objects.create(base=base, collection_name="onesuite-1", state="ready")
    base.save()
    IndexVersion.objects.create(base=base, collection_name="onesuite-2", document_count=40, done_count=10)
    for number, error in enumerate(["", "", "the model is gone"]):
        IndexChange.objects.create(base=base, document_id=number, title="t", error=error)
    KnowledgeBase.objects.create(slug="empty", name="Zero")
    target = Target.objects.get(metric="total")
    alarm = Alarm.objects.create(
        target=target, opened_at=now - timedelta(minutes=3), value=2500, worst=2600, acknowledged_at=now
    )
    Alarm.objects.create(target=target, opened_at=now, resolved_at=now, value=1, worst=1)
    values = {"cpu_percent": 5.0, "gpu_percent|0": 70.0, "load_1m": 0.5}
    Sample.objects.create(at=now, host="h", source="machine", values=values)

    found = read_surroundings()
    assert (found["assistants"], found["target_ms"]) == ({"anna": "安娜"}, 2000)
    assert found["machine"] == {"cpu_percent": 5.0, "gpu_percent|0": 70.0}
    assert found["index"] == [
        {
            "name": "OneSuite", "version": "onesuite-1", "waiting": 2, "failed": 1,
            "building": {"done": 10, "of": 40},
        },
        {"name": "Zero", "version": "", "waiting": 0, "failed": 0, "building": None},
    ]  # fmt: skip
    (shown,) = found["alarms"]
    assert shown["url"] == reverse("admin:monitoring_alarm_change", args=[alarm.pk])
    assert shown["text"]["en"] == "Voice to voice 2.50 s (≤ 2.00 s)"
    assert shown["text"]["zh-hans"] == "应答延迟 2.50 秒 (≤ 2.00 秒)"
    assert shown["acknowledged"]
    assert shown["age_s"] == pytest.approx(180, abs=5)
    engines = {(engine["kind"], engine["up"]) for engine in found["engines"]}
    assert engines == {("server", False), ("llm", False)}


def test_engines_are_told_as_they_say_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    report = {
        "engines": [
            {"kind": "stt", "model": "whisper-base", "state": "ready", "queue": 4},
            {"kind": "tts", "model": "kokoro", "state": "loading", "queue": 0},
        ]
    }

    def health(_client: httpx.Client, url: str) -> object:
        return report if url.endswith("/health") else None

    monkeypatch.setattr(engine_state, "_health", health)
    assert read_surroundings()["engines"] == [
        {"kind": "stt", "name": "whisper-base", "up": True, "queue": 4.0},
        {"kind": "tts", "name": "kokoro", "up": False, "queue": 0.0},
    ]


def test_an_old_sample_is_no_reading_of_now() -> None:
    Sample.objects.create(
        at=timezone.now() - timedelta(minutes=5), host="h", source="machine", values={"cpu_percent": 5.0}
    )
    assert read_surroundings()["machine"] is None


def test_one_part_that_cannot_be_read_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> object:
        raise DatabaseError("locked")

    monkeypatch.setitem(live_state._PARTS, "alarms", fails)
    found = read_surroundings()
    assert found["alarms"] is None
    assert found["index"] == []
