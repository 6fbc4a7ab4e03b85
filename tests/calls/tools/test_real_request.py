"""A call whose tool really asks another process over HTTP; its clock is the real one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from aiker.calls.models import Assistant, Call, Tool
from aiker.calls.plan import plan_for
from aiker.calls.tools.http import send
from engines.adapters.llm_adapter import ToolCall
from tests.calls.scripted import ScriptedCall, StandInEngines
from tests.calls.tools.receiver import receiving

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}


@pytest.mark.parametrize(
    ("path", "said"), [("/json", "您的订单已发货，明天到。"), ("/500", "查不了。"), ("/html", "查不了。")]
)
def test_a_look_up_is_answered_or_owned_up_to(monkeypatch: pytest.MonkeyPatch, path: str, said: str) -> None:
    anna = Assistant.objects.create(slug="anna", name="安娜", greeting="")
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "tool_hosts", [receiver.entry])
        tool = Tool(
            name="查订单", slug="query_order", kind="lookup", ask_model=True, description="查",
            parameters=SCHEMA, url=receiver.url(path), timeout_s=20,
            answer="您的订单{status}，{order.eta}到。", failure="查不了。",
        )  # fmt: skip
        plan = replace(plan_for(anna), tools=(tool.spec(),))

        async def scenario() -> dict[str, Any]:
            called = ToolCall("c", "query_order", '{"order": "1024"}')
            script = StandInEngines(hears=["订单1024呢"], answers=[called], send_tool=send)
            call = ScriptedCall(plan, script)
            await call.speaks(0.5)
            while not call.all("turn_finished"):
                await call.waits(0.3)
            await call.hangs_up()
            turn: dict[str, Any] = call.all("turn_finished")[0]
            return turn

        turn = asyncio.run(scenario())
        (got,) = receiver.got
    assert (got.json["arguments"], got.json["call_id"]) == ({"order": "1024"}, str(Call.objects.get().pk))
    assert turn["heard_text"] == said
    assert bool(turn["tools"][0]["error"]) == (path != "/json")
    assert Call.objects.get().turns.get().tools == turn["tools"]
