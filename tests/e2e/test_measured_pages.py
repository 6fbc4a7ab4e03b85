"""The pages of latency, resources, alarms and targets in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import median

import pytest
from django.utils import timezone
from playwright.async_api import Page, expect

from monitoring.alarms import watch
from monitoring.models import Alarm, Sample, Target
from monitoring.turns import take_up_turns
from tests.e2e.conftest import OpenBrowser
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.e2e
DESK, TABLET = 1280, 820
TOTALS = [700, 900, 1100, 1300, 4200]
Opened = Callable[[str], Awaitable[Page]]


@pytest.fixture
def measured(transactional_db: None) -> None:  # noqa: ARG001
    """Five turns of which one is slow, and a machine whose GPU memory is over the budget."""
    now = timezone.now()
    make_turns(TOTALS, now - timedelta(seconds=30), profile="fast")
    while take_up_turns():
        pass
    values = {"cpu_percent": 37.0, "memory_percent": 50.0, "memory_used_mb": 8192.0, "load_1m": 0.7}
    values |= {"disk_percent": 40.0, "disk_free_mb": 50_000.0, "tasks_waiting": 0.0}
    gpu = {"gpu_memory_mb|0": 20_480.0, "gpu_memory_total_mb|0": 24_576.0, "gpu_percent|0": 55.0}
    gpu |= {"gpu_celsius|0": 61.0, "gpu_watts|0": 210.0}
    Sample.objects.bulk_create(
        Sample(at=now - timedelta(seconds=10 * n), host="box", source="machine", values=values | gpu)
        for n in range(6)
    )
    Target.objects.update(min_count=1)
    watch(now)


@pytest.fixture(params=[(DESK, "light"), (TABLET, "dark")], ids=["desk", "tablet"])
def opened(open_browser: OpenBrowser, request: pytest.FixtureRequest) -> Opened:
    async def open_page(address: str) -> Page:
        width, scheme = request.param
        page = await (await open_browser(width=width)).new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
        await page.emulate_media(color_scheme=scheme)
        await page.goto(address)
        await page.context.add_cookies([{"name": "django_language", "value": "en", "url": page.url}])
        await page.reload()
        wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{address} is {wider} px wider than its window"
        return page

    return open_page


@pytest.mark.usefixtures("measured")
async def test_the_slowest_turn_is_one_click_from_its_call(opened: Opened) -> None:
    page = await opened("/admin/monitoring/turnsample/")
    facts = page.locator(".mon-facts .mon-card")
    await expect(facts.nth(0).locator(".mon-number")).to_have_text(str(len(TOTALS)))
    shown = await facts.nth(1).locator(".mon-number").inner_text()
    assert abs(float(shown.removesuffix(" s")) * 1000 - median(TOTALS)) <= 20
    assert await page.locator("svg").count() >= 3
    slowest = page.locator(".mon-table a[href*='/admin/calls/call/']").first
    await expect(slowest).to_be_visible()
    await slowest.click()
    await expect(page).to_have_url(re.compile(r"/admin/calls/call/.+"))


@pytest.mark.usefixtures("measured")
async def test_another_time_is_chosen_by_its_link(opened: Opened) -> None:
    page = await opened("/admin/monitoring/turnsample/")
    await page.locator("a[href*='window=7d']").click()
    await expect(page.locator(".mon-facts .mon-number").first).to_have_text(str(len(TOTALS)))


@pytest.mark.usefixtures("measured")
async def test_gpu_memory_stands_against_its_budget(opened: Opened) -> None:
    page = await opened("/admin/monitoring/sample/")
    row = page.locator("#mon-gpus + table tbody tr")
    await expect(row).to_contain_text("125%")
    await expect(row).to_contain_text("61 °C")
    await expect(row).to_contain_text("210 W")
    await expect(page.locator(".mon-facts .mon-number").first).to_have_text("37%")


@pytest.mark.usefixtures("measured")
async def test_an_alarm_is_acknowledged_from_its_list(opened: Opened) -> None:
    page = await opened("/admin/monitoring/alarm/")
    await expect(page.locator("#result_list")).to_contain_text("GPU memory")
    assert await Alarm.objects.filter(acknowledged_at=None).acount() == await Alarm.objects.acount() > 0
    await page.locator("#action-toggle").first.check()
    await page.locator("select[name=action]").first.select_option("acknowledge_alarms")
    await page.locator("button[name=index]").first.click()
    await expect(page.locator("#result_list")).to_contain_text("acknowledged")
    assert not await Alarm.objects.filter(acknowledged_at=None).aexists()


@pytest.mark.usefixtures("measured")
async def test_a_target_shows_what_is_measured_now_and_its_budget(opened: Opened) -> None:
    page = await opened("/admin/monitoring/target/")
    row = page.locator("#result_list tbody tr", has_text="voice to voice")
    await expect(row.first).to_contain_text("at most 2")
    await expect(row.first).to_contain_text("4.2")
