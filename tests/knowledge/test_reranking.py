"""A reranker puts the passages in its order; when it fails, the order of the vectors stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engines.adapters.rerank_adapter import RerankAdapter
from engines.export_onnx import export_bge
from engines.local.reranker_onnx import ONNXReranker
from engines.routing import Breakers, Endpoint, Routes, Served, Skipped
from engines.server.stages import Stage
from knowledge.retrieval import CANDIDATES, RetrievalResult, Retriever
from tests.engines import tiny_bge
from tests.engines.serving import serving
from tests.ports import free_port

pytestmark = [pytest.mark.torch, pytest.mark.models, pytest.mark.usefixtures("processes")]
QUESTION = "想租个固定的工位，每个月多少钱"


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> ONNXReranker:
    """A real cross-encoder whose random weights prefer something else than the vectors do."""
    root = tmp_path_factory.mktemp("models")
    export_bge(tiny_bge.bert_reranker(root / "tiny"), root / "tiny-onnx", "rerank")
    return ONNXReranker(root / "tiny-onnx", threads=1)


@pytest.fixture(scope="module")
def works(reranker: ONNXReranker) -> Iterator[Endpoint]:
    stage = Stage("rerank", "tiny", lambda: reranker, state="ready", engine=reranker)
    with serving([stage]) as port:
        url = f"http://127.0.0.1:{port}/v1"
        yield Endpoint("works", url, "tiny", timeout_s=30)


@pytest.fixture
def gone() -> Endpoint:
    return Endpoint("gone", f"http://127.0.0.1:{free_port()}/v1", "tiny", timeout_s=5)


async def search(collection: str, *endpoints: Endpoint, k: int = 3) -> RetrievalResult:
    adapter = RerankAdapter(Routes("rerank", endpoints, Breakers())) if endpoints else None
    return await Retriever(collection, "bge-small-zh", adapter).search(QUESTION, k)


async def test_the_passages_come_in_the_rerankers_order(
    sample_collection: str, works: Endpoint, reranker: ONNXReranker
) -> None:
    found = await search(sample_collection)
    every = await search(sample_collection, works, k=CANDIDATES)
    best = await search(sample_collection, works, k=3)
    scores, _tokens = reranker.score(QUESTION, [f"{p.title}：{p.text}" for p in every.passages])

    assert len(every.passages) == CANDIDATES
    assert scores == pytest.approx(sorted(scores, reverse=True), abs=1e-6)
    assert {p.key for p in found.passages} <= {p.key for p in every.passages}
    assert [p.key for p in best.passages] == [p.key for p in every.passages[:3]]
    assert [p.rank for p in best.passages] == [1, 2, 3]
    assert [p.key for p in best.passages] != [p.key for p in found.passages[:3]]
    assert best.reranked == Served("rerank", "works")
    assert best.rerank_ms > 0
    assert found.reranked is None


async def test_another_reranker_stands_in(sample_collection: str, works: Endpoint, gone: Endpoint) -> None:
    result = await search(sample_collection, gone, works)

    assert result.reranked == Served("rerank", "works", (Skipped("gone", "unreachable"),))
    assert result.rerank_error is None


async def test_without_any_the_order_of_the_vectors_stays(sample_collection: str, gone: Endpoint) -> None:
    found = await search(sample_collection)
    result = await search(sample_collection, gone)

    assert result.passages == found.passages
    assert result.reranked is None
    assert result.rerank_error
    assert (result.rerank_error.stage, result.rerank_error.code) == ("rerank", "unreachable")
