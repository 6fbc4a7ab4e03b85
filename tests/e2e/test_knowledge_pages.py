"""The pages of the knowledge in a real Chromium: the answer comes and sounds, a build is followed."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse
from playwright.async_api import expect
from pytest_django.fixtures import Settings

from aiker.calls.models import Assistant
from knowledge.following import settle
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase
from tests.e2e.conftest import OpenBrowser
from tests.knowledge.conftest import chroma_port, engines_port, llm_port, move, processes

__all__ = ["chroma_port", "engines_port", "llm_port", "processes"]
pytestmark = [pytest.mark.e2e, pytest.mark.models]


@pytest.fixture
def base(transactional_db: None) -> KnowledgeBase:  # noqa: ARG001
    return KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")


@pytest.fixture
def anna(base: KnowledgeBase, request: pytest.FixtureRequest) -> Assistant:
    """An assistant with an index, a stand-in for its language model and one for its voice."""
    settings: Settings = request.getfixturevalue("processes")
    move(settings, llm_port=request.getfixturevalue("llm_port"))
    Document.objects.create(
        base=base, key="day", title="日卡", question="一天多少钱？", answer="日卡80元一天。"
    )
    settle(base)
    return Assistant.objects.create(slug="anna", name="Anna", knowledge_base=base)


@pytest.mark.usefixtures("anna")
async def test_a_question_is_answered_aloud_and_kept(open_browser: OpenBrowser, live_server: Any) -> None:
    context = await open_browser()
    page = await context.new_page()
    await page.goto(f"{live_server.url}{reverse('try-question')}")
    await page.fill("textarea[name=q]", "一天多少钱")
    await page.click(".try-form button")
    await expect(page.locator(".try-answer")).to_have_text("日卡80元一天。")
    loaded = "() => document.querySelector('[data-place] audio').duration > 0.3"
    await page.wait_for_function(loaded)
    await page.click(f"form[action='{reverse('try-save')}'] button")
    await expect(page.locator("input[name=question]")).to_have_value("一天多少钱")
    question = await GoldenQuestion.objects.aget()
    assert [document.key async for document in question.expected.all()] == ["day"]


async def test_the_page_of_versions_follows_a_build_and_asks_before_it_publishes(
    open_browser: OpenBrowser, live_server: Any, base: KnowledgeBase
) -> None:
    def version() -> IndexVersion:
        return IndexVersion.objects.create(base=base, collection_name="a", document_count=4, done_count=1)

    built = await sync_to_async(version)()
    context = await open_browser()
    page = await context.new_page()
    await page.goto(f"{live_server.url}{reverse('admin:knowledge_indexversion_changelist')}")
    await expect(page.locator("progress")).to_be_visible()
    await IndexVersion.objects.filter(pk=built.pk).aupdate(state="ready")
    await expect(page.locator("progress")).to_have_count(0)

    asked: list[str] = []

    async def decline(dialog: Any) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", decline)
    await page.click("form[action$='publish/'] button")
    assert len(asked) == 1
    assert await built.golden_runs.acount() == 0
