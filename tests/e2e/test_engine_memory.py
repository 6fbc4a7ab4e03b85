"""The prediction on an engine's page follows the values in the form, in a real Chromium."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.async_api import expect

from engines.models import EngineConfig
from tests.e2e.conftest import OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.models]


@pytest.fixture
def whisper(transactional_db: None) -> EngineConfig:  # noqa: ARG001
    return EngineConfig.objects.create(
        slug="whisper", name="Whisper", backend="faster-whisper", stage="stt", parameters={}
    )


async def test_a_change_shows_its_memory_before_it_is_saved(
    whisper: EngineConfig, open_browser: OpenBrowser
) -> None:
    context = await open_browser(locale="en")
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto(reverse("admin:engines_engineconfig_change", args=[whisper.pk]))
    memory = page.locator("[data-memory-url]")
    most = memory.locator("b")
    before = await most.inner_text()

    await page.select_option("[name=parameter_compute_type]", "float32")
    await expect(most).not_to_have_text(before)
    assert first_number(await most.inner_text()) > first_number(before) + 100

    await page.fill("[name=parameter_model]", "no-such-model")
    await expect(memory).to_contain_text("no-such-model")
    await context.set_offline(True)
    await page.fill("[name=parameter_model]", "whisper-base")
    await expect(memory).to_have_text(await memory.get_attribute("data-memory-failed") or "")
    await context.set_offline(False)
    assert not (await EngineConfig.objects.aget()).parameters


def first_number(text: str) -> int:
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))
