"""The list of the lexicon in a real Chromium."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect
from pytest_django.fixtures import Settings

from knowledge.models import KnowledgeBase, LexiconEntry
from tests.e2e.conftest import OpenBrowser
from tests.ports import free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def words(transactional_db: None, settings: Settings) -> None:  # noqa: ARG001
    settings.AIKER = settings.AIKER.model_copy(update={"engines_port": free_port()})  # no engine answers
    base = KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")
    for count, term in enumerate(("月卡", "OneSuite")):
        LexiconEntry.objects.create(base=base, term=term, count=count, example=f"{term}怎么卖？")


@pytest.mark.usefixtures("words")
async def test_a_reading_is_heard_before_it_is_saved_or_the_page_says_why_not(
    open_browser: OpenBrowser,
) -> None:
    page = await (await open_browser()).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto("/admin/knowledge/lexiconentry/")
    row = page.locator("tr", has_text="OneSuite怎么卖？")
    await row.locator("input[name$=reading]").fill("万速")
    async with page.expect_request("**/audio/**") as asked:
        await row.locator("[data-read]").click()
    assert parse_qs(urlsplit((await asked.value).url).query) == {"reading": ["万速"]}
    await expect(row.locator("output")).to_contain_text("cannot be reached")
    async with page.expect_request("**/audio/**") as asked:
        await row.locator("button:not([data-read])").click()
    assert urlsplit((await asked.value).url).query == ""
