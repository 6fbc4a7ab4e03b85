"""An operator sets up each kind of tool in a real browser, saves it twice, and a call uses it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from playwright.async_api import Page, expect

from aiker.calls.models import Assistant, Tool
from aiker.calls.plan import plan_for
from aiker.calls.tools.http import send
from engines.adapters.llm_adapter import ToolCall
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines
from tests.calls.tools.receiver import Receiver, receiving
from tests.e2e.conftest import OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ORDER = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}


@dataclass(frozen=True)
class Case:
    """What is entered (``PATH`` is on the receiver), and what a call that uses it does."""

    kind: str
    entered: dict[str, str]
    heard: str
    said: str
    ended: str = ""
    model_calls: ToolCall | None = None
    sent: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case(
        "transfer",
        {"phrases": "转人工", "answer": "正在为您转接。", "target": "8001"},
        heard="帮我转人工",
        said="正在为您转接。",
        ended="transferred",
    ),
    Case("hang_up", {"phrases": "挂了吧"}, heard="那就挂了吧", said="再见。", ended="assistant_hung_up"),
    Case(
        "webhook",
        {"phrases": "给我回电话", "answer": "已经记下了。", "url": "/empty"},
        heard="给我回电话",
        said="已经记下了。",
        sent={},
    ),
    Case(
        "lookup",
        {
            "description": "查询订单", "parameters": json.dumps(ORDER), "answer": "您的订单{status}。",
            "url": "/json", "method": "POST",
        },
        heard="订单1024呢",
        said="您的订单已发货。",
        model_calls=ToolCall("c", "lookup_tool", '{"order": "1024"}'),
        sent={"order": "1024"},
    ),
]  # fmt: skip


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "tool_hosts", [receiver.entry])
        yield receiver


@pytest.fixture
def assistants() -> list[Assistant]:
    words = {"greeting": "", "goodbye": "再见。"}
    return [Assistant.objects.create(slug=f"a{n}", name=f"助手{n}", **words) for n in range(3)]


async def enter(page: Page, case: Case, receiver: Receiver) -> None:
    await page.fill("[name=name]", f"工具 {case.kind}")
    await page.press("[name=name]", "Tab")
    await expect(page.locator("[name=slug]")).to_have_value(re.compile("."))  # proposed from the name
    await page.fill("[name=slug]", f"{case.kind}_tool")
    await page.select_option("[name=kind]", case.kind)
    if case.model_calls:
        await page.locator("[name=ask_model]").set_checked(True, force=True)
    for name, value in case.entered.items():
        if name == "method":
            await page.select_option("[name=method]", value)
        else:
            await page.fill(f"[name={name}]", receiver.url(value) if name == "url" else value)


def rows() -> dict[str, Any]:
    tool = Tool.objects.get()
    stored = {name: getattr(tool, name) for name in ("slug", "kind", "phrases", "answer", "target", "method")}
    return stored | {
        "url": tool.url,
        "active": tool.is_active,
        "asks": tool.ask_model,
        "parameters": tool.parameters,
        "assistants": list(tool.assistants.values_list("slug", flat=True)),
    }


def place_call(assistant: Assistant, case: Case) -> ScriptedCall:
    """Place a call to the assistant as it is stored, on the real clock: its tools send real requests."""
    plan = plan_for(assistant)

    async def scenario() -> ScriptedCall:
        answers: list[str | ToolCall | EngineError] = [case.model_calls] if case.model_calls else []
        call = ScriptedCall(plan, StandInEngines(hears=[case.heard], answers=answers, send_tool=send))
        await call.speaks(0.5)
        for _ in range(40):
            if call.all("turn_finished"):
                break
            await call.waits(0.3)
        await call.waits(0.1)
        await call.hangs_up()
        return call

    return asyncio.run(scenario())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
async def test_a_tool_is_set_up_saved_twice_and_used(
    open_browser: OpenBrowser, receiver: Receiver, assistants: list[Assistant], case: Case
) -> None:
    page = await (await open_browser()).new_page()
    await page.goto("/admin/calls/tool/add/")
    boxes = page.locator("[name=assistants]")
    await expect(boxes).to_have_count(3)
    await enter(page, case, receiver)
    await boxes.nth(1).check()
    assert [await box.is_checked() for box in await boxes.all()] == [False, True, False]
    await page.click("[name=_continue]")
    await expect(page.locator("[name=name]")).to_have_value(f"工具 {case.kind}")
    await expect(page).to_have_url(re.compile("/change/$"))
    stored = await asyncio.to_thread(rows)
    assert (stored["slug"], stored["kind"], stored["active"]) == (f"{case.kind}_tool", case.kind, True)
    assert stored["assistants"] == ["a1"]

    await page.reload()
    assert [await box.is_checked() for box in await boxes.all()] == [False, True, False]
    await expect(page.locator("[name=target]")).to_be_visible(visible=case.kind == "transfer")
    await expect(page.locator("[name=method]")).to_be_visible(visible=case.kind == "lookup")
    await page.click("[name=_save]")
    await expect(page).to_have_url(re.compile("/admin/calls/tool/$"))
    assert await asyncio.to_thread(rows) == stored

    call = await asyncio.to_thread(place_call, assistants[1], case)
    (turn,) = call.all("turn_finished")
    assert (turn["heard_text"], turn["tools"][0]["error"]) == (case.said, {})
    assert [event["reason"] for event in call.all("call_ended")] == [case.ended or "hung_up"]
    if "url" in case.entered:
        assert receiver.got[-1].json["arguments"] == case.sent
