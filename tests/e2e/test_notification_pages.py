"""An operator adds a receiver of alarms in a real browser, sends a test and sees it arrive."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.async_api import expect

from monitoring.delivery import deliver
from monitoring.models import Sample
from tests.calls.tools.receiver import Receiver, receiving
from tests.e2e.conftest import OpenBrowser

pytestmark = pytest.mark.e2e


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "alarm_hosts", [receiver.entry])
        yield receiver


@pytest.fixture
def sending() -> Iterator[threading.Event]:
    """What ``manage.py monitor`` does, once the event is set."""
    begin, ended = threading.Event(), threading.Event()

    def run() -> None:
        begin.wait()
        Sample.objects.create(at=timezone.now(), host="h", source="machine", values={})
        deliver(ended)

    thread = threading.Thread(target=run)
    thread.start()
    yield begin
    ended.set()
    begin.set()
    thread.join()


async def test_a_receiver_is_added_and_tried(
    open_browser: OpenBrowser, receiver: Receiver, sending: threading.Event
) -> None:
    page = await (await open_browser()).new_page()
    await page.goto("/admin/monitoring/recipient/add/")
    await page.fill("[name=name]", "告警平台")
    await page.select_option("[name=channel]", "webhook")
    await page.fill("[name=address]", "https://elsewhere.example.com/")
    await page.click("[name=_continue]")
    await expect(page.get_by_text("AIKER_ALARM_HOSTS 并重启")).to_be_visible()
    await page.fill("[name=address]", receiver.url("/json"))
    await page.click("[name=_continue]")
    await expect(page.get_by_text(re.compile("仅在此显示一次：[\\w-]{40,}"))).to_be_visible()

    await page.get_by_role("link", name="发送测试").click()
    await page.get_by_role("button", name="发送测试").click()
    await expect(page.get_by_text("manage.py monitor 未运行")).to_be_visible()
    sending.set()
    # The page reloads itself until the message has arrived.
    await expect(page.get_by_text("已发送", exact=True)).to_be_visible()
    assert await asyncio.to_thread(receiver.arrived.wait, 10)
    (got,) = receiver.got
    assert got.json["text"] == "[Aiker] 这是一条测试消息：告警会发送到这里。"
