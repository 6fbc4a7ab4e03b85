"""A worse draft is rolled back by itself in a run of 60 calls; what does not count is left out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from aiker.calls.models import Assistant, Call, EndReason
from aiker.calls.reply import summary
from knowledge import live
from knowledge.canary.running import rule_of, start
from knowledge.following import follow, settle
from knowledge.models import Canary, Document, KnowledgeBase
from knowledge.rag import RAGSystem
from knowledge.versions import request_version
from monitoring.canaries import ended_call, judge, judge_canaries
from monitoring.sampler import Sampler
from tests.knowledge.conftest import (  # noqa: F401
    base,
    chroma_port,
    engines_port,
    processes,
)

pytestmark = pytest.mark.django_db
QUESTIONS = ["日卡多少钱", "几点开门", "押金要交多少", "可以开发票吗"]
ENTRIES = {
    "日卡多少钱": "日卡80元一天。",
    "几点开门": "早上9点开门。",
    "押金要交多少": "押金是2个月租金。",
    "可以开发票吗": "可以开发票。",
}


@pytest.fixture
def assistant(base: KnowledgeBase) -> Assistant:  # noqa: F811
    return Assistant.objects.create(slug="anna", name="Anna", knowledge_base=base)


def trial(base: KnowledgeBase) -> Canary:  # noqa: F811
    """A canary of two versions that are rows only."""
    current, draft = (base.versions.create(collection_name=name, state="ready") for name in ("live", "draft"))
    base.active_version = current
    base.save()
    return start(draft, 50, [])


def ended(canary: Canary, assistant: Assistant, *, missed: bool = False, **fields: object) -> Call:
    """A call of one turn that was answered, or not, from the version that it was assigned."""
    call = Call(id=uuid4(), assistant=assistant, wire="softphone", started_at=timezone.now())
    call.end_reason = EndReason.GOODBYE
    for name, value in fields.items():
        setattr(call, name, value)
    call.save()
    assert canary.compared_with is not None
    version = canary.version if rule_of(canary).serves(str(call.pk), call.caller) else canary.compared_with
    passages = [] if missed else [{"key": "day", "title": "日卡", "text": "80元。", "score": 0.8}]
    call.turns.create(
        number=1,
        at_ms=0,
        user_text="日卡多少钱",
        retrieval={"version": version.collection_name},
        passages=passages,
        voice_to_voice_ms=900,
    )
    return call


def test_the_facts_of_a_call_are_counted(base: KnowledgeBase, assistant: Assistant) -> None:  # noqa: F811
    canary = trial(base)
    call = ended(canary, assistant, missed=True, end_reason=EndReason.HUNG_UP)
    turn = call.turns.get()
    call.turns.create(
        number=2,
        at_ms=1000,
        user_text="日卡能退吗，找个人说",
        retrieval={**turn.retrieval, "guard": {"stopped": ["80元"]}},
        passages=[{"key": "x"}],
        tools=[{"kind": "transfer", "error": ""}],
        interrupted=True,
        voice_to_voice_ms=1100,
    )
    call.turns.create(number=3, at_ms=2000, user_text="谢谢", retrieval={}, interrupted=True)
    found = ended_call(call, canary)
    assert found is not None
    assert (found.turns, found.searched, found.misses, found.guard_stops) == (3, 2, 1, 1)
    assert (found.transferred, found.hung_up, found.latencies) == (True, True, (900, 1100))
    second = call.turns.get(number=2)
    second.retrieval["way"] = "nearest"
    second.save()
    found = ended_call(call, canary)
    assert found is not None
    assert found.misses == 2, "an answer that is only near is a miss"


def test_a_call_answered_from_another_version_counts_for_neither(
    base: KnowledgeBase,  # noqa: F811
    assistant: Assistant,
) -> None:
    canary = trial(base)
    call = ended(canary, assistant)
    turn = call.turns.get()
    turn.retrieval["version"] = "another"
    turn.save()
    assert ended_call(call, canary) is None


def test_earlier_running_and_other_calls_do_not_count(
    base: KnowledgeBase,  # noqa: F811
    assistant: Assistant,
) -> None:
    canary = trial(base)
    other = Assistant.objects.create(slug="other", name="Other")
    ended(canary, assistant, started_at=timezone.now() - timedelta(minutes=5))
    ended(canary, assistant, end_reason="")
    ended(canary, other)
    ended(canary, assistant)
    judge(canary)
    canary.refresh_from_db()
    assert sum(canary.report["calls"]) == 1


def test_the_monitor_rolls_back_a_worse_draft_and_leaves_an_equal_one(
    base: KnowledgeBase,  # noqa: F811
    assistant: Assistant,
) -> None:
    worse = trial(base)
    equal_base = KnowledgeBase.objects.create(name="另一个", slug="other")
    other = Assistant.objects.create(slug="other", name="Other", knowledge_base=equal_base)
    equal_base.versions.create(collection_name="unused", state="ready")
    current, draft = (
        equal_base.versions.create(collection_name=name, state="ready") for name in ("live2", "draft2")
    )
    equal_base.active_version = current
    equal_base.save()
    equal = start(draft, 50, [])
    for number in range(60):
        call_id = UUID(int=number + 1)
        is_draft = rule_of(worse).serves(str(call_id), "")
        ended(worse, assistant, id=call_id, missed=is_draft and number % 3 != 0)
        ended(equal, other, missed=number % 3 == 0)
        if number % 5 == 4:
            judge_canaries()
    worse.refresh_from_db()
    equal.refresh_from_db()
    assert (worse.outcome, equal.outcome) == (Canary.Outcome.ROLLED_BACK, Canary.Outcome.RUNNING)
    assert worse.reason
    assert sum(equal.report["calls"]) == 60


def test_the_sampler_judges_canaries(base: KnowledgeBase, assistant: Assistant) -> None:  # noqa: F811
    canary = trial(base)
    for number in range(40):
        call_id = UUID(int=number + 1)
        ended(canary, assistant, id=call_id, missed=rule_of(canary).serves(str(call_id), ""))
    Sampler(dict, dict).turn(timezone.now())
    canary.refresh_from_db()
    assert canary.outcome == Canary.Outcome.ROLLED_BACK


@pytest.mark.models
@pytest.mark.usefixtures("processes")
def test_sixty_calls_on_real_indexes_roll_back_a_draft_that_lost_its_entries(
    base: KnowledgeBase,  # noqa: F811
    assistant: Assistant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for question, answer in ENTRIES.items():
        Document.objects.create(base=base, title=question, question=question, answer=answer)
    settle(base)
    base.refresh_from_db()
    Document.objects.exclude(question="几点开门").update(question="", title="—", answer="无。")
    *_earlier, draft = follow(request_version(base, "test", publish=False))
    canary = start(draft, 50, [])
    current = base.active_version
    assert current is not None
    serving = live.Serving(live.index_of(current), live.DraftIndex(live.index_of(draft), rule_of(canary)))
    # The thread that asks the database does not see the test's transaction.
    monkeypatch.setitem(live._known, base.pk, (float("inf"), serving))
    for number in range(60):
        if judge(canary):
            break
        canary.refresh_from_db()
        call = Call(id=UUID(int=number + 1), assistant=assistant, wire="softphone", started_at=timezone.now())
        call.end_reason = EndReason.GOODBYE
        call.save()
        rag = RAGSystem(base.pk)
        rag.begin_call(str(call.pk), "")
        found = [asyncio.run(search(rag, question)) for question in QUESTIONS[:2]]
        versions = {retrieval["version"] for retrieval, _passages in found}
        expected = draft if rule_of(canary).serves(str(call.pk), "") else current
        assert versions == {str(expected)}
        for turn, (retrieval, passages) in enumerate(found, 1):
            call.turns.create(
                number=turn, at_ms=0, user_text=QUESTIONS[turn - 1], retrieval=retrieval, passages=passages
            )
    canary.refresh_from_db()
    assert canary.outcome == Canary.Outcome.ROLLED_BACK
    assert canary.report["rows"][0]["draft"][0] > canary.report["rows"][0]["live"][0]


async def search(rag: RAGSystem, question: str) -> tuple[dict, list]:
    found = await rag.search(question, k=1)
    return summary(found, ""), [{"key": passage.key} for passage in found.passages]
