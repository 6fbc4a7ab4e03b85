"""What is said is shown while it is said, as often as recognition can afford."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from aiker.calls.events import CallEvent
from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。"))


def scene(
    plan: CallPlan, engines: StandInEngines, *speeches_s: float, look: Callable[[ScriptedCall], None]
) -> None:
    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        for seconds in speeches_s:
            await call.speaks(seconds)
            await call.waits(5)
        await call.hangs_up()
        look(call)

    play(scenario)


def partial(call: ScriptedCall) -> list[str]:
    """The transcripts that were shown before the caller paused."""
    paused = [event["at_ms"] for event in call.all(CallEvent.SPEECH_PAUSED)]
    return [e["text"] for e in call.all(CallEvent.TRANSCRIPT) if not e["final"] and e["at_ms"] < paused[-1]]


def test_a_long_utterance_is_shown_while_it_is_said(plan: CallPlan) -> None:
    engines = StandInEngines(["我们公司一共", "我们公司一共十二个人", "十二人间多少钱"], ["两万四。"])

    def look(call: ScriptedCall) -> None:
        # The first after 3 s, the second 2 s later: recognition takes 200 ms.
        assert partial(call) == ["我们公司一共", "我们公司一共十二个人"]
        assert [turn["user_text"] for turn in call.all("turn_finished")] == ["十二人间多少钱"]

    scene(plan, engines, 6.5, look=look)


def test_a_short_one_costs_the_engine_nothing(plan: CallPlan) -> None:
    engines = StandInEngines(["几点开门"], ["九点。"])
    shown: list[str] = []
    scene(plan, engines, 2.5, look=lambda call: shown.extend(partial(call)))
    assert shown == []
    assert engines.hears == []


def test_quick_recognition_shows_more(plan: CallPlan) -> None:
    said = [f"说到{number}" for number in range(6)]
    engines = StandInEngines([*said, "一共多少钱"], ["九块。"], recognition_s=0.05)
    shown: list[str] = []
    scene(plan, engines, 8.9, look=lambda call: shown.extend(partial(call)))
    assert shown == said


def test_a_pause_ends_a_partial_that_is_under_way(plan: CallPlan) -> None:
    engines = StandInEngines(["几点开门"], ["九点。"], recognition_s=0.5)

    def look(call: ScriptedCall) -> None:
        assert partial(call) == []
        assert [turn["user_text"] for turn in call.all("turn_finished")] == ["几点开门"]

    scene(plan, engines, 3.3, look=look)


def test_a_partial_that_fails_is_not_the_calls_failure(plan: CallPlan) -> None:
    engines = StandInEngines([EngineError("stt", "timeout", "stand-in"), "几点开门"], ["九点。"])

    def look(call: ScriptedCall) -> None:
        assert call.all(CallEvent.ERROR) == []
        assert [turn["heard_text"] for turn in call.all("turn_finished")] == ["九点。"]

    scene(plan, engines, 4, look=look)


def test_a_machine_over_its_limit_shows_none(plan: CallPlan, settings: LazySettings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"speculation_load": -1.0})
    engines = StandInEngines(["几点开门"], ["九点。"])
    shown: list[str] = []
    scene(plan, engines, 5, look=lambda call: shown.extend(partial(call)))
    assert shown == []
    assert engines.hears == []
