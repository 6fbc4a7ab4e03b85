"""Entries that are spoken as written: without the language model, from audio made ahead."""

from __future__ import annotations

from typing import Any

import pytest

from aiker.calls.clauses import clauses_of
from aiker.calls.models import Assistant, Call, Turn
from aiker.calls.plan import CallPlan, plan_for
from knowledge.fusion import Passage
from knowledge.live import LiveIndex
from knowledge.rag import Found, judge
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.django_db(transaction=True)

WRITTEN = "客服热线是400-000-5100，每天8点到22点有人接听，周末也是一样的。"
FIRST, SECOND = "客服热线是400-000-5100，", "每天8点到22点有人接听，"
SURE = 0.85


class Knowledge:
    """One entry, found with ``score``."""

    def __init__(self, score: float) -> None:
        self.score = score

    async def search(self, _question: str, before: str, k: int) -> Found:  # noqa: ARG002
        passage = Passage("hotline", "热线", WRITTEN, self.score, 1, 1)
        result = RetrievalResult((passage,), self.score, "v1")
        return judge(result, LiveIndex("v1", "bge-small-zh", 0.65, SURE), k)


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。"))


def ask(plan: CallPlan, engines: StandInEngines, *, barge_in_s: float | None = None) -> dict[str, Any]:
    """Ask one question; return the turn as the caller's page is told of it."""
    shown: list[dict[str, Any]] = []

    async def scenario() -> None:
        call = ScriptedCall(plan, engines)
        await call.waits(2)
        await call.speaks(1)
        if barge_in_s is None:
            await call.waits(12)
        else:
            await call.waits(barge_in_s)
            await call.speaks(1)
            await call.waits(3)
        await call.hangs_up()
        shown.append(call.all("turn_finished")[0])

    play(scenario)
    return shown[0]


def test_an_entry_that_surely_is_meant_is_spoken_without_the_language_model(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["热线多少"], knowledge=Knowledge(SURE))
    turn = ask(plan, engines)
    assert turn["heard_text"] == WRITTEN
    assert engines.prompts == []
    retrieval = Turn.objects.get().retrieval
    assert (retrieval["verbatim"], retrieval["audio"]) == (True, "cache")


def test_below_the_threshold_the_language_model_answers(plan: CallPlan) -> None:
    engines = StandInEngines(
        hears=["热线多少"], answers=["是400-000-5100。"], knowledge=Knowledge(SURE - 0.01)
    )
    assert ask(plan, engines)["heard_text"] == "是400-000-5100。"
    assert len(engines.prompts) == 1
    retrieval = Turn.objects.get().retrieval
    assert (retrieval["verbatim"], retrieval["audio"]) == (False, "")


@pytest.mark.parametrize("not_cached", [clauses_of(WRITTEN), [SECOND]], ids=["nothing", "a clause"])
def test_what_is_not_made_yet_comes_from_the_engine(plan: CallPlan, not_cached: list[str]) -> None:
    engines = StandInEngines(hears=["热线多少"], knowledge=Knowledge(SURE), not_cached=not_cached)
    assert ask(plan, engines)["heard_text"] == WRITTEN
    assert Turn.objects.get().retrieval["audio"] == "engine"


def test_a_cached_answer_is_no_slower_than_one_that_is_thought_of(plan: CallPlan) -> None:
    cached = ask(plan, StandInEngines(hears=["热线多少"], knowledge=Knowledge(SURE)))
    thought = ask(
        plan, StandInEngines(hears=["热线多少"], answers=["是400-000-5100。"], knowledge=Knowledge(0.7))
    )
    assert cached["voice_to_voice_ms"] <= thought["voice_to_voice_ms"]
    shares = {share["name"]: share["ms"] for share in cached["contributions"]}
    assert shares.get("llm_first_token", 0) == shares.get("tts_first_audio", 0) == 0


def test_a_caller_who_cuts_in_heard_whole_clauses_and_a_part_of_one(plan: CallPlan) -> None:
    engines = StandInEngines(hears=["热线多少", "好"], answers=["好。"], knowledge=Knowledge(SURE))
    heard = ask(plan, engines, barge_in_s=5)["heard_text"]
    assert WRITTEN.startswith(heard)
    assert FIRST in heard
    assert heard != WRITTEN
    assert Call.objects.get().turns.get(number=1).interrupted


def test_a_text_that_is_there_already_is_cut_at_its_marks_only() -> None:
    assert clauses_of(WRITTEN) == [FIRST, SECOND, "周末也是一样的。"]
    assert "".join(clauses_of("有，免费。")) == "有，免费。"
