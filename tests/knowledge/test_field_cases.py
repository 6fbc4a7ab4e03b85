"""What callers asked in the field, on the sample base with the real search, by the reports' ids."""

from __future__ import annotations

from datetime import datetime

import pytest
from pytest_django.fixtures import Settings

from aiker.calls import answering
from aiker.calls.answering import NEAREST, Way
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.rag import RAGSystem
from tests.calls.test_answering import WORDS

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("processes")]

TUESDAY = datetime(2026, 12, 8, 10, 0)


@pytest.fixture
def rag(processes: Settings, sample_collection: str) -> RAGSystem:  # noqa: ARG001
    base = KnowledgeBase(pk=1, slug="sample")
    version = IndexVersion(base=base, collection_name=sample_collection, embedding_model="bge-small-zh")
    return RAGSystem.of(version)


async def said(rag: RAGSystem, *utterances: str) -> tuple[Way, str]:
    """Return the way and the text of the last answer; without a text the language model is asked."""
    before = ""
    for utterance in utterances:
        found = await rag.search(utterance, before=before, today=TUESDAY.date())
        before = found.topic
    decision = answering.decide(utterance, found, WORDS, TUESDAY)
    return decision.way, decision.text or found.written


@pytest.mark.parametrize(
    "question",
    [
        "海淀店几点关门",
        "徐汇店有停车场吗",
        "香港那边能租到吗",
        "新加坡有店吗",
        "旗舰版多少钱",
        "六人间多少钱",
    ],
)
async def test_K12a_a_name_that_the_base_lacks_gets_no_answer_of_another(
    rag: RAGSystem, question: str
) -> None:
    assert (await said(rag, question))[0] is Way.REFUSED


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("大会议室订三个小时多少钱", "300元"),
        ("企业版60个人一个月多少", "100元"),
        ("不是流动工位，我问的是固定工位", "1800元"),
        ("不是要小会议室，要坐十六个人那间的价", "300元"),
        ("我不要停车月卡，就临时停一会儿，怎么收", "2小时免费"),
    ],
)
async def test_K12c_of_siblings_the_one_that_is_meant_answers(
    rag: RAGSystem, question: str, fact: str
) -> None:
    assert fact in (await said(rag, question))[1]


@pytest.mark.parametrize("question", ["月卡可以退吗", "周六开门吗", "静安店电话多少", "可以带宠物吗"])
async def test_K_t_an_answer_does_not_begin_with_its_question_or_title(rag: RAGSystem, question: str) -> None:
    found = await rag.search(question)
    assert found.spoken
    assert not found.spoken.startswith((found.passages[0].title, question))


@pytest.mark.parametrize(
    ("question", "facts"),
    [
        ("四人间和八人间各多少钱", ("8800", "16800")),
        ("有健身房吗，能带狗吗", ("健身房", "宠物")),
        ("月卡多少钱，能退吗", ("1200", "不能退款")),
        ("有会议室吗，有没有游泳池", ("会议室", "不太清楚")),
    ],
)
async def test_callers_both_of_two_questions_are_answered(
    rag: RAGSystem, question: str, facts: tuple[str, ...]
) -> None:
    text = (await said(rag, question))[1]
    assert all(fact in text for fact in facts), text


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("除了周末你们几点开门", "周一到周五"),
        ("工作日除外，周六前台到几点", "16点"),
        ("国庆节前台有人吗", "法定节假日"),
        ("我们就租两个月行吗", "最短租3个月"),
    ],
)
async def test_callers_a_condition_is_heard(rag: RAGSystem, question: str, fact: str) -> None:
    assert fact in (await said(rag, question))[1]


@pytest.mark.parametrize(
    "question", ["静安店坐几号线", "南山店有几间会议室", "打印能打彩色的吗", "我不要发票，要收据"]
)
async def test_what_an_entry_may_not_answer_is_said_with_a_caution(rag: RAGSystem, question: str) -> None:
    way, text = await said(rag, question)
    assert way is Way.NEAREST
    assert text.startswith(NEAREST)


async def test_the_day_that_a_follow_up_names_counts(rag: RAGSystem) -> None:
    assert "周日前台休息" in (await said(rag, "你们周六开门吗", "周日呢"))[1]
    assert "7天内" in (await said(rag, "月卡能退吗", "那日卡呢"))[1]
