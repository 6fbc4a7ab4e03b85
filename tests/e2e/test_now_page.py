"""The page of now in a real Chromium, on the ASGI application in this process, fed with events of calls."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from django.utils import timezone
from playwright.async_api import BrowserContext, Page, expect

from aiker.asgi import application
from aiker.calls.consumers import CallConsumer
from aiker.calls.events import CallEvent
from aiker.calls.models import Assistant, EndReason
from aiker.calls.plan import plan_for
from knowledge.models import IndexChange, IndexVersion, KnowledgeBase
from monitoring.live import Board
from monitoring.live_feed import feed
from monitoring.models import Alarm, Sample, Target
from tests.calls.scripted import ScriptedCall, StandInEngines
from tests.e2e.conftest import OpenBrowser
from tests.monitoring.test_live_board import FedCall
from tests.ports import free_port

pytestmark = pytest.mark.e2e

SHOTS = os.environ.get("AIKER_SCREENSHOTS")
ENGINES = {
    "engine_up|stt|whisper-base": 1.0, "engine_queue|stt|whisper-base": 0.0,
    "engine_up|tts|kokoro-int8": 1.0, "engine_queue|tts|kokoro-int8": 3.0,
    "engine_up|llm|llm": 0.0,
}  # fmt: skip
QUESTIONS = ["标准版多少钱一个月？", "你们几点开门？", "可以开发票吗？", "我的订单到哪里了？", "怎么退款？"]
ANSWERS = [
    "标准版每月二百九十九元，可以按年付。",
    "九点开门。",
    "可以，下单时填写抬头就行。",
    "在路上，明天到。",
    "七天内都可以退。",
]


@pytest.fixture
def house(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Assistant:  # noqa: ARG001
    """An assistant, two knowledge bases, an alarm, a sample; engines that are told, not asked."""
    monkeypatch.setattr("monitoring.live_state.engine_readings", lambda: ENGINES)
    base = KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")
    base.active_version = IndexVersion.objects.create(base=base, collection_name="onesuite-1", state="ready")
    base.save()
    IndexChange.objects.create(base=base, document_id=1, title="营业时间")
    KnowledgeBase.objects.create(slug="empty", name="空的")
    target = Target.objects.get(metric="stt")
    Alarm.objects.create(target=target, opened_at=timezone.now(), value=700, worst=900)
    values = {"cpu_percent": 41.0, "memory_percent": 63.0, "tasks_waiting": 0.0}
    Sample.objects.create(at=timezone.now(), host="h", source="machine", values=values)
    monkeypatch.setattr(feed, "board", Board(time.monotonic))
    return Assistant.objects.create(slug="anna", name="安娜", greeting="您好。")


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[str]:
    """The application of this process, so that calls can be made in it."""
    server = uvicorn.Server(uvicorn.Config(application, port=port, lifespan="off", log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    try:
        yield f"http://localhost:{port}/admin/monitoring/now/"
    finally:
        server.should_exit = True
        await task


@pytest_asyncio.fixture
async def url(house: Assistant) -> AsyncIterator[str]:  # noqa: ARG001
    async with serving(free_port()) as address:
        yield address


async def open_page(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto(url)
    await expect(page.locator("#now")).to_have_attribute("data-connection", "connected")
    return page


async def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page, in light and dark, where AIKER_SCREENSHOTS names a folder."""
    if not SHOTS:
        return
    for theme in ("light", "dark"):
        dark = "add" if theme == "dark" else "remove"
        await page.evaluate(f"document.documentElement.classList.{dark}('dark')")
        await page.screenshot(path=Path(SHOTS) / f"now-{name}-{theme}.png")
    await page.evaluate("document.documentElement.classList.remove('dark')")


def talk(call: FedCall, turn: int, **more: Any) -> None:
    """A turn from the caller's first word to the end of the answer."""
    question, answer = QUESTIONS[turn % 5], ANSWERS[turn % 5]
    call.tells(CallEvent.TRANSCRIPT, turn, at_ms=9000 * turn, text=question, final=True)
    call.tells(CallEvent.REPLY_TEXT, turn, text=answer)
    call.finishes_turn(turn, question, answer, **more)


async def test_without_a_call_the_rest_is_shown(open_browser: OpenBrowser, url: str) -> None:
    page = await open_page(await open_browser(), url)
    await expect(page.get_by_text("当前没有通话")).to_be_visible()
    engines = page.locator("[data-part=engines]")
    await expect(engines.locator("li", has_text="whisper-base")).to_have_class(re.compile("now-is-good"))
    await expect(engines.locator("li", has_text="kokoro-int8")).to_contain_text("队列中 3 个")
    await expect(engines.locator("li", has_text="语言模型")).to_have_class(re.compile("now-is-bad"))
    index = page.locator("[data-part=index]")
    await expect(index.locator("li", has_text="OneSuite")).to_contain_text("1 处修改正在生效")
    await expect(index.locator("li", has_text="空的")).to_contain_text("没有上线的版本")
    await expect(page.locator("[data-part=alarms] a")).to_contain_text("0.70 秒 (≤ 0.50 秒)")
    await expect(page.locator("[data-part=machine]")).to_contain_text("41%")
    await shoot(page, "0-calls")


async def test_a_call_appears_is_followed_and_goes(open_browser: OpenBrowser, url: str) -> None:
    page = await open_page(await open_browser(), url)
    call = FedCall(feed, "138 0000 0000")
    row = page.locator(f"[data-call='{call.id}']")
    await expect(row).to_contain_text("安娜 · 138 0000 0000")
    lines = page.locator("[data-part=lines] > li")
    call.tells(CallEvent.REPLY_TEXT, text="您好，这里是OneSuite。")
    await expect(row.locator(".now-state")).to_have_text("正在说话")
    call.tells(CallEvent.PHRASE_FINISHED, interrupted=False)
    call.tells(CallEvent.TURN_COMMITTED, 1)
    call.tells(CallEvent.TRANSCRIPT, 1, at_ms=4000, text="标准版多少钱", final=True)
    await expect(row.locator(".now-state")).to_have_text("正在思考")
    await expect(lines.nth(1)).to_contain_text("标准版多少钱")
    call.tells(CallEvent.REPLY_TEXT, 1, text=ANSWERS[0])
    cut = {"heard_text": "标准版每月", "interrupted": True, "voice_to_voice_ms": 2400}
    call.finishes_turn(1, "标准版多少钱", ANSWERS[0], **cut)
    await expect(lines.nth(1).locator("s")).to_have_text("二百九十九元，可以按年付。")
    await expect(lines.nth(1)).to_contain_text("2.40 秒 · 主要是语音识别，0.65 秒")
    await expect(row.locator(".now-ms")).to_have_class(re.compile("now-late"))
    call.tells(CallEvent.TOOL_STARTED, 2, name="find_order", by="model", arguments={})
    await expect(row.locator(".now-state")).to_have_text("使用工具")
    talk(call, 2)
    call.finishes_turn(3, "说来话长，" * 60, "https://example.com/" + "a" * 300)
    call.tells(CallEvent.ERROR, 4, stage="llm", code="timeout", message="")
    for digit in "42#":
        call.tells(CallEvent.DTMF, digit=digit)
    await expect(page.locator("[data-part=lines] .now-bad")).to_contain_text("语言模型 (超出时限)")
    await expect(lines.last).to_contain_text("按键 42#")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shoot(page, "1-call")
    call.tells(CallEvent.CALL_ENDED, reason=EndReason.TRANSFERRED.value)
    await expect(page.locator("[data-part=state]")).to_have_text("已转人工")
    await expect(page.locator("[data-part=hang-up]")).to_be_disabled()
    await expect(page.locator("[data-part=count]")).to_have_text("0")


async def test_a_page_opened_in_the_middle_shows_the_past(open_browser: OpenBrowser, url: str) -> None:
    call = FedCall(feed)
    for turn in range(60):
        talk(call, turn)
    page = await open_page(await open_browser(), url)
    await expect(page.locator("[data-part=lines] > li")).to_have_count(40)
    await expect(page.locator("[data-part=earlier]")).to_be_visible()
    newest = page.locator("[data-part=lines] > li").last
    await expect(newest).to_be_in_viewport()
    talk(call, 60)
    await expect(page.locator("[data-part=lines] > li")).to_have_count(40)
    await expect(page.locator("[data-part=lines] > li").last).to_contain_text(QUESTIONS[0])


@pytest.mark.parametrize("width", [1280, 820])
async def test_fifty_calls_are_legible(open_browser: OpenBrowser, url: str, width: int) -> None:
    calls = [FedCall(feed, f"1380000{n:04d}") for n in range(50)]
    page = await open_page(await open_browser(width=width, height=1180 if width < 1000 else 900), url)
    kinds = [CallEvent.SPEECH_STARTED, CallEvent.TURN_COMMITTED, CallEvent.REPLY_STARTED]
    for number, call in enumerate(calls):
        slow = {"voice_to_voice_ms": 3100} if number % 10 == 7 else {}
        for turn in range(1, 4):
            talk(call, turn + number, **slow)
        call.tells(kinds[number % 3], 99)
    await expect(page.locator("[data-part=rows] > li")).to_have_count(50)
    await expect(page.locator("[data-part=summary]")).to_contain_text("慢或出错 5")
    row = page.locator(f"[data-call='{calls[30].id}']")
    await row.locator("button").click()
    await expect(page.locator("[data-part=who]")).to_have_text("安娜 · 13800000030")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shoot(page, f"50-calls-{width}")
    await page.get_by_label("只看慢的或出错的").check()
    await expect(page.locator("[data-part=rows] > li:visible")).to_have_count(5)


async def test_a_lost_connection_is_shown_and_comes_back(open_browser: OpenBrowser, house: Assistant) -> None:  # noqa: ARG001
    port = free_port()
    call = FedCall(feed, "138 0000 0000")
    async with serving(port) as address:
        page = await open_page(await open_browser(), address)
        await expect(page.locator(f"[data-call='{call.id}']")).to_be_visible()
    await expect(page.locator("#now")).to_have_attribute("data-connection", "lost")
    await expect(page.get_by_role("alert").first).to_contain_text("正在自动重连")
    await shoot(page, "lost")
    call.tells(CallEvent.TRANSCRIPT, 1, text="在此期间说的", final=True)
    async with serving(port):
        await expect(page.locator("#now")).to_have_attribute("data-connection", "connected")
        await expect(page.locator("[data-part=lines]")).to_contain_text("在此期间说的")
        await expect(page.locator("[data-part=lost]")).to_be_hidden()


# What the page itself does not tell: the audio that leaves it.
OBSERVER = """
window.peaks = [0, 0];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    const tap = this.context.createScriptProcessor(1024, 2, 2);
    tap.onaudioprocess = ({ inputBuffer }) => [0, 1].forEach((side) => {
      const loudest = inputBuffer.getChannelData(side).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      window.peaks[side] = Math.max(window.peaks[side], loudest);
    });
    connect.call(this, tap);
    connect.call(tap, target);
  }
  return connect.call(this, target, ...rest);
};
"""


@pytest.mark.parametrize("clicks", [1, 2])
async def test_an_operator_listens_in_and_hangs_up(
    open_browser: OpenBrowser, url: str, house: Assistant, clicks: int
) -> None:
    plan = await asyncio.to_thread(plan_for, house)
    call = ScriptedCall(plan, StandInEngines(hears=["几点开门"] * 60, answers=["九点开门。"] * 9))
    CallConsumer.live.add(call.session)
    talking = asyncio.create_task(call.speaks(60))
    try:
        context = await open_browser("--autoplay-policy=no-user-gesture-required")
        await context.add_init_script(OBSERVER)
        page = await open_page(context, url)
        await page.get_by_role("button", name="旁听").click(click_count=clicks)
        await expect(page.locator("[data-part=listeners]")).to_have_text("正在旁听：admin")
        await page.wait_for_function("window.peaks[0] > 0.05")
        await page.get_by_role("button", name="停止旁听").click()
        await expect(page.locator("[data-part=listeners]")).to_be_empty()
        await page.locator("[data-part=hang-up]").click()
        await shoot(page, "hang-up")
        await page.get_by_role("button", name="让它继续").click()
        assert not call.session.finished
        await page.locator("[data-part=hang-up]").click()
        await page.locator("dialog").get_by_role("button", name="挂断").click()
        await expect(page.locator("[data-part=state]")).to_have_text("操作员挂断")
        assert call.session.finished
        await call.session._stored.wait()
    finally:
        talking.cancel()
        CallConsumer.live.discard(call.session)
