"""Latency is an observer: a call without it goes the same way."""

from __future__ import annotations

from typing import Any

import pytest

from aiker.calls import conversation
from aiker.calls.latency import Timeline
from aiker.calls.models import Assistant, Turn
from aiker.calls.plan import CallPlan, plan_for
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)
OBSERVED = ("voice_to_voice_ms", "contributions", "moments", "call_id")


class Blind(Timeline):
    """A timeline that notices nothing."""

    def reached(self, moment: str, at_ms: float | None) -> None:
        pass


def happened(plan: CallPlan) -> list[Any]:
    """Every message of a call with a question, an interruption, a turn that is reopened and a late answer."""
    sent: list[Any] = []

    async def scenario() -> None:
        engines = StandInEngines(
            ["几点开门", "不对", "会议室多少钱", "会议室多少钱一小时", "停车呢"],
            ["九点开门，六点关门，周末休息。", "好的。", "两百块。", "六十块。", "十块。"],
        )
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(1.5)
        await call.speaks(1.2)  # interrupts
        await call.waits(4)
        await call.speaks(1)
        await call.waits(0.5)
        await call.speaks(1)  # goes on
        await call.waits(4)
        engines.thinks_s = 4
        await call.speaks(1)
        await call.waits(9)
        await call.hangs_up()
        for message in call.sent:
            sent.append(message if isinstance(message, bytes) else "")
        sent.extend({k: v for k, v in event.items() if k not in OBSERVED} for event in call.events)

    play(scenario)
    return sent


def test_a_call_without_its_timeline_goes_the_same_way(
    plan: CallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = happened(plan)
    kinds = {event["event"] for event in seen if isinstance(event, dict)}
    assert kinds >= {"interrupted", "turn_reopened", "filler", "turn_finished"}
    measured = Turn.objects.exclude(voice_to_voice_ms=None).count()
    monkeypatch.setattr(conversation, "Timeline", Blind)
    assert happened(plan) == seen
    assert Turn.objects.exclude(voice_to_voice_ms=None).count() == measured > 0


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。", filler_ms=1000))
