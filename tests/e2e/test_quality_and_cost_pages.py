"""The pages of quality and cost in a real Chromium."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.async_api import Page, expect

from aiker.calls.models import Assistant
from knowledge.models import KnowledgeBase
from monitoring.models import Finding, Notice, Review, Sample
from tests.e2e.conftest import OpenBrowser
from tests.monitoring.noticed_calls import make_calls, take_up

pytestmark = pytest.mark.e2e
TABLET, DESK = 820, 1280


@pytest.fixture
def calls(transactional_db: None) -> None:  # noqa: ARG001
    base = KnowledgeBase.objects.create(slug="kb", name="资料")
    for slug in ("anna", "bo"):
        Assistant.objects.create(slug=slug, name=slug, knowledge_base=base)
    now = timezone.now()
    make_calls(30, now)
    take_up()
    Sample.objects.bulk_create(
        Sample(
            at=now - timedelta(seconds=10 * number), host="h", source="machine", values={"gpu_watts|0": 90}
        )
        for number in range(20)
    )


async def opened(open_browser: OpenBrowser, address: str, width: int = DESK) -> Page:
    page = await (await open_browser(width=width)).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto(address)
    await page.context.add_cookies([{"name": "django_language", "value": "en", "url": page.url}])
    await page.reload()
    return page


async def overflow(page: Page) -> int:
    """Return how much wider the page is than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("width", [DESK, TABLET])
async def test_a_refused_question_is_reviewed_exported_and_made_an_entry(
    open_browser: OpenBrowser, tmp_path: Path, width: int
) -> None:
    page = await opened(open_browser, "/admin/monitoring/finding/", width)
    assert await overflow(page) <= 0
    refused = await _count(Notice.REFUSED)
    tile = page.locator(".mon-tiles a", has_text="No answer known")
    await expect(tile.locator(".mon-number")).to_have_text(str(refused))
    await tile.click()
    await expect(page.locator(".mon-turn")).to_have_count(min(25, refused))
    first = page.locator(".mon-turn").first
    await first.locator("summary").click()
    await first.locator("select[name=verdict]").select_option("knowledge")
    await first.locator("textarea[name=note]").fill("=价格")
    await first.get_by_role("button", name="Save").click()
    await expect(page.locator("body")).to_contain_text("The review was saved.")
    await expect(page.locator(".mon-turn").first).to_contain_text("needs knowledge")
    assert await Review.objects.acount() == 1
    await page.locator("select[name=reviewed]").select_option("yes")
    await page.locator("#turns form").get_by_role("button", name="Show").click()
    await expect(page.locator(".mon-turn")).to_have_count(1)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as CSV").click()
    await (await download.value).save_as(tmp_path / "turns.csv")
    with (tmp_path / "turns.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["Note"] == "'=价格"
    question = page.locator(".mon-questions tbody tr").first
    text = await question.locator("td").first.locator("a").inner_text()
    await question.get_by_role("link", name="Make an FAQ entry").click()
    await expect(page.locator("#id_question")).to_have_value(text)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("width", [DESK, TABLET])
async def test_what_the_same_would_have_cost_follows_the_prices(
    open_browser: OpenBrowser, width: int
) -> None:
    page = await opened(open_browser, "/admin/monitoring/tally/", width)
    assert await overflow(page) <= 0
    offers = page.locator("section", has_text="What the same would have cost with an API")
    await expect(offers.locator("tbody tr")).to_have_count(2)
    await expect(page.locator(".mon-facts")).to_contain_text("kWh")
    minutes = float(await page.locator(".mon-facts .mon-number").first.inner_text())
    await offers.get_by_role("link", name="Prices").click()
    await page.get_by_role("link", name="示例：语音服务按分钟计价").click()
    await page.locator("#id_amount").fill("2")
    await page.locator("#id_is_example").uncheck()
    await page.locator("[name=_save]").click()
    await page.goto("/admin/monitoring/tally/")
    row = offers.locator("tr", has_text="语音服务按分钟计价")
    await expect(row).not_to_contain_text("example prices")
    total = await row.locator("td").last.inner_text()
    assert float(total.removesuffix(" CNY").replace(",", "")) == pytest.approx(2 * minutes, abs=0.11)
    await page.locator("select[name=assistant]").select_option("anna")
    await page.get_by_role("button", name="Show").click()
    assert float(await page.locator(".mon-facts .mon-number").first.inner_text()) < minutes


async def _count(notice: Notice) -> int:
    since = timezone.now() - timedelta(hours=24)
    return await Finding.objects.filter(notice=notice, at__gte=since).acount()
