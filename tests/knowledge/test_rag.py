"""Nothing is said under the threshold, some things word for word above it; short questions lean back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from knowledge import rag
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage, choose, fuse, together, tokens, within
from knowledge.live import LiveIndex
from knowledge.manifest import StoredPassage
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.rag import Found, RAGSystem, confidence, judge, leans
from knowledge.retrieval import RetrievalResult
from tests.knowledge.conftest import questions

INDEX = LiveIndex("v1", "bge-small-zh", min_confidence=0.6, verbatim_confidence=0.7)
PASSAGE = Passage("hours", "营业时间", "九点开门。", 0.9, 1, 1, spoken="我们九点开门。")
DAY = "2026-06-15"
FOLLOW_UPS = Path(__file__).with_name("follow_ups.json")


def result(similarity: float, *passages: Passage, **fields: Any) -> RetrievalResult:
    return replace(RetrievalResult(passages, similarity, "v1"), **fields)


class TestSeveralQuestions:
    ANSWERED = judge(result(0.9, PASSAGE, query="几点开门"), INDEX, 3)

    def found(self, *parts: Found) -> Found:
        return rag.together(parts, "几点开门，有没有健身房")

    def test_one_that_is_not_answered_is_known_to_be_missing(self) -> None:
        unknown = judge(result(0.2, replace(PASSAGE, score=0.2), query="有没有健身房"), INDEX, 3)
        found = self.found(self.ANSWERED, unknown)
        assert (found.spoken, found.is_partial) == ("我们九点开门。", True)

    def test_nothing_is_missing_when_all_are_answered_or_one_asks_for_nothing(self) -> None:
        assert not self.found(self.ANSWERED, self.ANSWERED).is_partial
        courtesy = judge(result(0.2, replace(PASSAGE, score=0.2), query="能帮我看一下吗"), INDEX, 3)
        assert not self.found(self.ANSWERED, courtesy).is_partial


class TestJudge:
    def test_what_is_near_enough_is_answered(self) -> None:
        found = judge(result(0.65, replace(PASSAGE, score=0.65, spoken="")), INDEX, 3)
        assert [passage.key for passage in found.passages] == ["hours"]
        assert (found.confidence, found.spoken, found.refusal) == (0.65, "", "")

    def test_what_is_not_near_enough_is_refused_and_still_shown(self) -> None:
        found = judge(result(0.59, replace(PASSAGE, score=0.59)), INDEX, 3)
        assert found.passages == ()
        assert [passage.key for passage in found.considered] == ["hours"]

    def test_an_entry_is_spoken_as_written_only_when_its_question_is_sure(self) -> None:
        assert judge(result(0.9, PASSAGE), INDEX, 3).spoken == "我们九点开门。"
        unmarked = replace(PASSAGE, spoken="")
        assert judge(result(0.9, unmarked), INDEX, 3).spoken == unmarked.text
        assert judge(result(0.69, replace(unmarked, score=0.69)), INDEX, 3).spoken == ""
        assert judge(result(0.69, replace(PASSAGE, score=0.69)), INDEX, 3).spoken == "我们九点开门。"

    def test_a_base_chooses_who_words_its_answers(self) -> None:
        near, sure = replace(PASSAGE, spoken="", score=0.65), replace(PASSAGE, spoken="", score=0.95)
        written, model = replace(INDEX, phrasing="written"), replace(INDEX, phrasing="model")
        assert judge(result(0.65, near), written, 3).spoken == near.text
        assert judge(result(0.95, sure), model, 3).spoken == ""
        assert judge(result(0.95, sure), model, 3).written == sure.text

    def test_a_name_that_the_base_never_mentions_is_not_answered(self) -> None:
        asked = result(0.8, replace(PASSAGE, score=0.8), unknown_names=("徐汇店",))
        assert judge(asked, INDEX, 3).passages == ()
        assert judge(replace(asked, similarity=0.95), INDEX, 3).passages != ()

    def test_another_size_than_any_entry_has_is_not_answered(self) -> None:
        rooms = [replace(PASSAGE, title=f"{size}人办公室价格", score=0.8) for size in (4, 8)]
        assert judge(result(0.8, *rooms, query="六人间办公室租金多少"), INDEX, 3).passages == ()
        assert judge(result(0.8, *rooms, query="四人间办公室租金多少"), INDEX, 3).passages != ()

    def test_a_declined_question_near_by_takes_confidence(self) -> None:
        alone, beside = result(0.65, PASSAGE), result(0.65, PASSAGE, declined=0.7, declined_text="不提供。")
        assert confidence(alone) == 0.65
        assert confidence(beside) == pytest.approx(0.55)
        assert judge(beside, INDEX, 3).refusal == "不提供。"

    def test_only_what_is_nearer_than_any_passage_gives_the_refusal(self) -> None:
        found = judge(result(0.55, PASSAGE, declined=0.5, declined_text="不提供。"), INDEX, 3)
        assert (found.passages, found.refusal) == ((), "")

    def test_words_alone_are_believed_while_vectors_are_away(self) -> None:
        failed = RetrievalError("embedding", "timeout", "slow")
        found = judge(result(0.0, replace(PASSAGE, score=0.0), failed=failed), INDEX, 3)
        assert [passage.key for passage in found.passages] == ["hours"]


class TestFusion:
    def test_meaning_leads_and_words_decide_between_neighbours(self) -> None:
        ranked = fuse([("1-a", 0.8), ("2-a", 0.79), ("1-b", 0.7)], [(2, 9.0), (3, 4.0)])
        assert [item.chunk_id for item in ranked] == [2, 1, 3]
        assert (ranked[1].dense_rank, ranked[1].dense_score, ranked[1].keyword_rank) == (1, 0.8, None)

    def test_what_is_near_only_to_the_question_before_comes_behind(self) -> None:
        alone, joined = {"fee-a": 0.8, "other-a": 0.4}, {"before-a": 0.9, "fee-a": 0.7, "gone-a": 0.3}
        similar = together(alone, joined)
        assert [id for id, _ in similar] == ["fee-a", "before-a", "other-a", "gone-a"]
        as_near_as_the_last = (0.9 + 0.4) / 2
        assert [mean for _, mean in similar[:2]] == pytest.approx([0.75, as_near_as_the_last])
        assert together(alone, {}) == list(alone.items())

    def test_gone_declined_and_not_yet_valid_passages_are_passed_over(self) -> None:
        ranked = fuse([(f"{chunk}-a", 0.9 - chunk / 100) for chunk in range(1, 6)], [])
        stored = {
            2: StoredPassage(2, 2, "declined", "", "", "", "", "", True),
            3: StoredPassage(3, 3, "later", "", "", "", "2026-06-16", "", False),
            4: StoredPassage(4, 4, "over", "", "", "", "", "2026-06-14", False),
            5: StoredPassage(5, 5, "now", "", "", "", "2026-06-15", "2026-06-15", False),
        }
        assert [passage.key for passage in choose(ranked, stored, 3, DAY)] == ["now"]

    def test_a_document_is_found_once_by_its_best_passage(self) -> None:
        ranked = fuse([("1-a", 0.9), ("2-a", 0.8), ("3-a", 0.7)], [])
        stored = {
            chunk: StoredPassage(chunk, document, str(document), "", str(chunk), "", "", "", False)
            for chunk, document in [(1, 7), (2, 7), (3, 8)]
        }
        assert [(p.text, p.rank) for p in choose(ranked, stored, 3, DAY)] == [("1", 1), ("3", 2)]

    def test_passages_keep_to_the_budget_but_the_first_is_given(self) -> None:
        passages = [replace(PASSAGE, text="数" * 100, key=str(number)) for number in range(3)]
        cost = tokens(PASSAGE.title) + tokens("数" * 100)
        assert [p.key for p in within(passages, 2 * cost)] == ["0", "1"]
        assert [p.key for p in within(passages, 1)] == ["0"]


@pytest.mark.models
@pytest.mark.usefixtures("processes")
class TestQuestions:
    @pytest.fixture
    def rag(self, processes: Settings, sample_collection: str) -> RAGSystem:  # noqa: ARG002
        base = KnowledgeBase(pk=1, slug="sample")
        version = IndexVersion(base=base, collection_name=sample_collection, embedding_model="bge-small-zh")
        return RAGSystem.of(version)

    async def test_a_short_question_leans_on_the_one_before(self, rag: RAGSystem) -> None:
        first = await rag.search("八人间的办公室有吗")
        second = await rag.search("那多少钱", before=first.topic)
        assert second.passages[0].key == "price-office-8"
        assert second.topic == "八人间的办公室有吗 那多少钱"

    async def test_a_question_of_its_own_does_not(self, rag: RAGSystem) -> None:
        found = await rag.search("请问你们那里星期六几点开门营业呢", before="八人间的办公室多少钱")
        assert found.passages[0].key == "hours-saturday"
        assert found.topic == "请问你们那里星期六几点开门营业呢"

    async def test_follow_ups_are_answered(self, rag: RAGSystem) -> None:
        pairs = json.loads(FOLLOW_UPS.read_text(encoding="utf-8"))
        wrong = [
            pair["question"]
            for pair in pairs
            if not {p.key for p in (await rag.search(pair["question"], before=pair["before"])).passages}
            & set(pair["expect"])
        ]
        assert len(wrong) <= 0.1 * len(pairs), wrong

    async def test_what_the_base_does_not_answer_is_refused_after_a_question_it_does(
        self, rag: RAGSystem
    ) -> None:
        short = [item["question"] for item in questions() if not item["expect"] and leans(item["question"])]
        topics = [item["question"] for item in questions() if item["expect"]][::5]
        answered = [
            (topic, question)
            for topic in topics
            for question in short
            if (await rag.search(question, before=topic)).passages
        ]
        assert len(short) * len(topics) > 200
        assert len(answered) <= 0.05 * len(short) * len(topics), answered

    async def test_what_was_refused_is_nothing_to_lean_on(self, rag: RAGSystem) -> None:
        found = await rag.search("世界杯谁赢了", before="八人间的办公室有吗")
        assert (found.passages, found.topic) == ((), "八人间的办公室有吗")

    async def test_a_misheard_word_is_searched_as_it_was_meant(self, rag: RAGSystem) -> None:
        found = await rag.search("会意室一小时多少钱")
        assert found.result.queries == ("会意室一小时多少钱", "会议室一小时多少钱")
        assert found.passages[0].key == "meeting-small"

    async def test_what_the_business_never_answers_is_refused_in_its_words(self, rag: RAGSystem) -> None:
        found = await rag.search("你们老板电话多少")
        assert found.passages == ()
        assert found.refusal == "这个我不太清楚，需要为您转人工确认吗？"
