from __future__ import annotations
import pytest
from pytest_django.fixtures import Settings
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.rag import RAGSystem
pytestmark = [pytest.mark.models, pytest.mark.usefixtures("processes")]
@pytest.fixture
def rag(processes: Settings, sample_collection: str) -> RAGSystem:
    base = KnowledgeBase(pk=1, slug="sample")
    return RAGSystem.of(IndexVersion(base=base, collection_name=sample_collection, embedding_model="bge-small-zh"))
async def test_x(rag: RAGSystem) -> None:
    for q in ["能不能停车","能不能带狗","我就住两个月，办公室租不租","我不要发票，要收据","除了周末你们几点开门","除了周末都开门吗","不交押金行不行","我们就租两个月行吗","香港那边能租到吗","你们有健身房吗"]:
        f = await rag.search(q, considered=5)
        print("\n##", q, round(f.confidence,3), 'SPOKEN' if f.spoken else 'MODEL' if f.passages else 'REFUSED', f.result.unknown_names, f.result.unknown_topics, round(f.result.declined,3))
        for p in f.considered[:5]: print("    ", p.key, round(p.score,3), round(p.keyword_score,2), p.text)
