"""An operator makes an assistant in a real browser, fills its transfer in, hears voices, and copies it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from playwright.async_api import Page, expect

from aiker.calls.models import Assistant
from engines.backends.tts import Kokoro
from engines.registry import Place
from engines.server.stages import stages_for
from tests.calls.scripted import ScriptedCall, StandInEngines
from tests.e2e.conftest import OpenBrowser
from tests.engines.serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

VOICE = "zf_xiaoni"
LIST, CHANGE = re.compile("/admin/calls/assistant/$"), re.compile("/change/")


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The real speech engine."""
    with serving(stages_for({"kokoro-int8": Kokoro(model="kokoro-int8")}, Place(2, tmp_path))) as port:
        monkeypatch.setattr(settings.AIKER, "engines_port", port)
        # The first sentence of a voice takes long on a busy machine.
        url = f"http://127.0.0.1:{port}/v1/audio/speech"
        httpx.post(url, json={"input": "您好。", "voice": VOICE}, timeout=120).raise_for_status()
        yield


async def add(page: Page) -> None:
    await page.goto("/admin/calls/assistant/add/")
    await page.fill("[name=name]", "小林")
    await page.press("[name=name]", "Tab")
    await page.fill("[name=slug]", "lin")
    await page.select_option("[name=voice]", VOICE)
    await page.click("[name=_continue]")
    await expect(page).to_have_url(CHANGE)


def ends(words: str = "", keys: str = "") -> list[str]:
    """Return why a call to the assistant ends in which something is said, or a key pressed."""
    from aiker.calls.plan import plan_for

    plan = plan_for(Assistant.objects.get(slug="lin"))

    async def scenario() -> list[str]:
        call = ScriptedCall(plan, StandInEngines(hears=[words]))
        await call.waits(0.2)
        if keys:
            call.presses(keys)
        else:
            await call.speaks(0.5)
        for _ in range(60):
            if call.closed:
                break
            await call.waits(0.3)
        await call.hangs_up()
        return [event["reason"] for event in call.all("call_ended")]

    return asyncio.run(scenario())


async def test_a_new_assistant_transfers_once_the_number_is_filled_in(open_browser: OpenBrowser) -> None:
    page = await (await open_browser()).new_page()
    await add(page)
    await expect(page.get_by_text("尚未启用：请到工具")).to_be_visible()
    await page.fill("[name=no_answer]", "这个我不太清楚，需要为您转人工吗？")
    await page.click("[name=_continue]")
    await expect(page.get_by_text("没有启用的转人工工具")).to_be_visible()

    await page.goto("/admin/calls/tool/")
    await expect(page.get_by_text("待填写号码")).to_be_visible()
    await page.locator("#result_list").get_by_role("link", name="转人工").click()
    await expect(page.get_by_text("现在还不能转人工")).to_be_visible()
    await page.fill("[name=target]", "8001")
    await page.locator("[name=is_active]").set_checked(True, force=True)
    await page.click("[name=_continue]")
    await expect(page.get_by_text("现在还不能转人工")).to_have_count(0)
    await expect(page.locator("[name=assistants]")).to_be_checked()

    await page.goto("/admin/calls/assistant/")
    await page.locator("#result_list").get_by_role("link", name="小林").click()
    await expect(page.get_by_text("转接到 8001")).to_be_visible()
    for button in ("_continue", "_save"):  # saved, reopened, saved again
        await page.fill("[name=no_answer]", "这个我不太清楚，需要为您转人工吗？")
        await page.click(f"[name={button}]")
    await expect(page).to_have_url(LIST)
    lin = await asyncio.to_thread(lambda: Assistant.objects.get(slug="lin"))
    assert (lin.voice, lin.no_answer) == ("zf_xiaoni", "这个我不太清楚，需要为您转人工吗？")
    assert await asyncio.to_thread(ends, "帮我转人工") == ["transferred"]
    assert await asyncio.to_thread(ends, keys="0") == ["transferred"]


@pytest.mark.models
@pytest.mark.usefixtures("voices")
async def test_a_voice_is_heard_before_it_is_chosen(open_browser: OpenBrowser) -> None:
    page = await (await open_browser()).new_page()
    await add(page)
    box = page.locator(".voice-sample").first
    async with page.expect_response(re.compile("voice-sample/"), timeout=60_000) as waited:
        await box.get_by_role("button", name="试听").click()
    answer = await waited.value
    assert (answer.status, answer.headers["content-type"]) == (200, "audio/wav")
    assert "voice=zf_xiaoni" in answer.url
    assert int(answer.headers["content-length"]) > 16_000  # over a second
    await expect(page.locator(".voice-sample button").nth(1)).to_be_disabled()  # no published voice is chosen


async def test_an_assistant_is_copied(open_browser: OpenBrowser) -> None:
    page = await (await open_browser()).new_page()
    await add(page)
    await page.get_by_role("link", name="复制助手").click()
    await page.fill("[name=name]", "小王")
    await page.get_by_role("button", name="复制助手").click()
    await expect(page).to_have_url(CHANGE)
    await expect(page.locator("[name=slug]")).to_have_value("lin-copy")
    await expect(page.locator("[name=voice]")).to_have_value("zf_xiaoni")
    await expect(page.locator("[name=is_active]")).not_to_be_checked()
    await page.click("[name=_save]")
    await expect(page).to_have_url(LIST)
