"""Going back, withdrawing an import and trying a draft, in a real Chromium as an operator does it."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse
from playwright.async_api import Page, expect
from pytest_django.fixtures import Settings

from knowledge.canary.decision import EndedCall, compare, look_due
from knowledge.canary.running import note
from knowledge.following import follow, settle
from knowledge.models import Canary, Document, KnowledgeBase
from knowledge.versions import request_version
from tests.e2e.conftest import OpenBrowser
from tests.knowledge.conftest import chroma_port, engines_port, processes
from tests.knowledge.undo.conftest import answers, upload

__all__ = ["chroma_port", "engines_port", "processes"]
pytestmark = [pytest.mark.e2e, pytest.mark.models]
VERSIONS = reverse("admin:knowledge_indexversion_changelist")


@pytest.fixture
def base(transactional_db: None, processes: Settings) -> KnowledgeBase:  # noqa: ARG001
    """A base whose hours were edited, and whose prices were imported, since its version went live."""
    base = KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")
    hours = Document.objects.create(base=base, key="hours", title="营业时间", answer="早上9点到晚上6点。")
    settle(base)
    hours.answer = "早上8点到晚上8点。"
    hours.save()
    upload(base, "价目表.xlsx", day="日卡90元一天。", month="月卡1200元。")
    edited = base.documents.get(key="day")
    edited.answer = "日卡80元一天。"
    edited.save()
    settle(base)
    return base


async def opened(open_browser: OpenBrowser, address: str) -> Page:
    page = await (await open_browser()).new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(address)
    return page


async def test_what_was_live_comes_back_entry_by_entry(
    open_browser: OpenBrowser, live_server: Any, base: KnowledgeBase
) -> None:
    page = await opened(open_browser, f"{live_server.url}{VERSIONS}")
    await page.locator("a[href*='/snapshot/']").last.click()
    await expect(page.locator("del").first).to_be_visible()
    await page.click("button[name=all]")
    await expect(page.locator("h2", has_text="OneSuite")).to_be_visible()
    assert await sync_to_async(answers)(base) == {"hours": "早上9点到晚上6点。"}
    await page.locator("a[href*='/snapshot/']").first.click()  # what was live before that
    await page.check("input[value=hours]")
    await page.click("#entries button")
    assert await sync_to_async(answers)(base) == {"hours": "早上8点到晚上8点。"}


async def test_an_import_is_withdrawn_and_a_conflict_is_left(
    open_browser: OpenBrowser, live_server: Any, base: KnowledgeBase
) -> None:
    page = await opened(open_browser, f"{live_server.url}{VERSIONS}")
    await page.click("a[href*='/import/']")
    await expect(page.locator("input[name=overwrite]")).to_have_count(1)
    await page.locator("form[data-confirm] button").click()
    await expect(page.locator("h2", has_text="OneSuite")).to_be_visible()
    assert await sync_to_async(answers)(base) == {"hours": "早上8点到晚上8点。", "day": "日卡80元一天。"}


async def test_a_draft_is_tried_on_some_calls_and_shown_beside_the_live_version(
    open_browser: OpenBrowser, live_server: Any, base: KnowledgeBase
) -> None:
    def draft() -> None:
        *_earlier, _version = follow(request_version(base, "下月价格", publish=False))

    def compared() -> None:
        calls = [
            EndedCall(n % 2 == 0, 2, searched=2, misses=n % 2, latencies=(1100 + 20 * n,)) for n in range(40)
        ]
        note(Canary.objects.get(), compare(calls, look_due(40, 0, 0), seed=1), 40, 40)

    await sync_to_async(draft)()
    page = await opened(open_browser, f"{live_server.url}{VERSIONS}")
    await page.click(".kb-try summary")
    await page.fill(".kb-try input[name=share]", "20")
    await page.fill(".kb-try textarea", "138*")
    await page.click(".kb-try button")
    await expect(page.locator(".kb-canary")).to_be_visible()
    await sync_to_async(compared)()
    await expect(page.locator(".kb-canary tbody tr")).to_have_count(5)  # the page keeps up by itself
    await page.click(".kb-canary form[action$='stop/'] button")
    await expect(page.locator(".kb-try summary")).to_be_visible()
    canary = await Canary.objects.aget()
    assert (canary.share, canary.patterns, canary.outcome) == (20, ["138*"], Canary.Outcome.STOPPED)
