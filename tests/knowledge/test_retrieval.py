"""Callers' questions find their entry; what cannot be searched fails in time and by name.

Most tests have no database mark: pytest-django then refuses every query, as the media path promises.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from statistics import median

import pytest
from channels.db import database_sync_to_async
from pytest_django.fixtures import Settings

from knowledge import retrieval
from knowledge.errors import RetrievalError
from knowledge.following import settle
from knowledge.live import LiveIndex
from knowledge.models import Document, KnowledgeBase
from knowledge.rag import Found, RAGSystem, judge
from knowledge.retrieval import EMBED_TIMEOUT_S, OPEN_TIMEOUT_S, SEARCH_TIMEOUT_S, Retriever
from knowledge.versions import request_version
from tests.knowledge.conftest import PATIENCE_S, move, questions
from tests.ports import free_port

pytestmark = pytest.mark.models
MODEL = "bge-small-zh"


INDEX = LiveIndex("sample-data", MODEL, min_confidence=0.58, verbatim_confidence=0.7)


@pytest.mark.usefixtures("processes")
async def test_spoken_questions_find_their_entry_and_others_find_nothing(sample_collection: str) -> None:
    retriever = Retriever(sample_collection, MODEL)
    ranks, refused, milliseconds = [], [], []
    for question in questions():
        found = judge(await retriever.search(question["question"], k=3), INDEX, 3)
        keys = [p.key for p in found.passages]
        milliseconds.append(found.result.total_ms)
        if question["expect"]:
            ranks.append(keys.index(question["expect"]) + 1 if question["expect"] in keys else 0)
        else:
            refused.append(not keys)
    hit1, hit3 = (sum(0 < rank <= k for rank in ranks) / len(ranks) for k in (1, 3))
    mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
    print(
        f"\n{len(ranks)} questions: hit@1 {hit1:.3f}, hit@3 {hit3:.3f}, MRR {mrr:.3f}; "
        f"{sum(refused)} of {len(refused)} others refused; median {median(milliseconds):.1f} ms"
    )
    assert hit1 >= 0.9
    assert hit3 >= 0.95
    assert sum(refused) / len(refused) >= 0.9


@pytest.mark.usefixtures("processes")
async def test_passages_carry_what_the_call_needs_without_the_database(sample_collection: str) -> None:
    retriever = Retriever(sample_collection, MODEL)
    result = await retriever.search("想租个固定的工位，每个月多少钱", k=2)
    first, second, *_ = result.passages
    assert (first.key, first.title, first.rank) == ("price-fixed-desk", "固定工位价格", 1)
    assert first.text == "固定工位1800元一个月，带抽屉柜和专属座位。"
    assert 1.0 >= first.score > second.score
    assert second.key != first.key
    assert (result.index_version, result.similarity) == (sample_collection, first.score)
    assert first.dense_rank == 1
    assert first.keyword_rank in (1, 2)
    assert min(result.embed_ms, result.dense_ms, result.keyword_ms) > 0


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("query", ["", "  ", "。？！"])
async def test_a_query_without_words_finds_nothing(sample_collection: str, query: str) -> None:
    retriever = Retriever(sample_collection, MODEL)
    assert (await retriever.search(query)).passages == ()


async def failure(query: asyncio.Future[object] | object) -> RetrievalError:
    with pytest.raises(RetrievalError) as caught:
        await query  # type: ignore[misc]
    return caught.value


@pytest.mark.usefixtures("processes")
async def test_an_index_that_was_removed_is_named_so() -> None:
    error = await failure(Retriever("never-was", MODEL).search("周六开门吗"))
    assert (error.stage, error.code) == ("retrieval", "index_missing")


@pytest.mark.parametrize("down", ["engines_port", "chroma_port"])
async def test_words_answer_alone_when_vectors_cannot(
    processes: Settings, sample_collection: str, down: str
) -> None:
    move(processes, **{down: free_port()})
    result = await Retriever(sample_collection, MODEL).search("周六开门吗")
    assert result.passages[0].key == "hours-saturday"
    assert result.failed is not None
    assert result.failed.code == "unreachable"


async def test_after_three_failures_vectors_are_not_waited_for(
    processes: Settings, sample_collection: str
) -> None:
    move(processes, chroma_port=free_port())
    retriever = Retriever(sample_collection, MODEL)
    codes = []
    for _ in range(4):
        failed = (await retriever.search("周六开门吗")).failed
        codes.append(failed and failed.code)
    assert codes == ["unreachable", "unreachable", "unreachable", "breaker_open"]


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Yield the port of a server that accepts connections and never answers."""
    closing = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        closing.set()
        server.close()


async def test_a_hanging_engine_server_costs_a_second_at_most(
    processes: Settings, sample_collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EMBED_TIMEOUT_S == 1.0
    monkeypatch.setattr(retrieval, "EMBED_TIMEOUT_S", EMBED_TIMEOUT_S)
    async with silent_server() as port:
        move(processes, engines_port=port)
        retriever = Retriever(sample_collection, MODEL)
        async with asyncio.timeout(PATIENCE_S):
            error = (await retriever.search("周六开门吗")).failed
    assert error is not None
    assert (error.stage, error.code) == ("embedding", "timeout")


async def test_a_hanging_chroma_is_given_up(
    processes: Settings, sample_collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "OPEN_TIMEOUT_S", OPEN_TIMEOUT_S)
    monkeypatch.setattr(retrieval, "SEARCH_TIMEOUT_S", SEARCH_TIMEOUT_S)
    async with silent_server() as port:
        move(processes, chroma_port=port)
        error = (await Retriever(sample_collection, MODEL).search("周六开门吗")).failed
    assert error is not None
    assert (error.stage, error.code) == ("retrieval", "timeout")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("processes")
async def test_the_next_turn_hears_an_edit_and_a_new_version() -> None:
    base = await KnowledgeBase.objects.acreate(name="小店", slug="shop")
    rag = RAGSystem(base.pk)
    error = await failure(rag.search("一天多少钱"))
    assert (error.stage, error.code) == ("retrieval", "index_missing")

    document = await Document.objects.acreate(
        base=base, title="日卡", question="一天多少钱？", answer="80元。"
    )
    await database_sync_to_async(settle)(base)
    first = await until_found(rag, "80元。")

    document.answer = "90元。"
    await document.asave()
    await database_sync_to_async(settle)(base)
    edited = await until_found(rag, "90元。")
    assert edited.index_version == first.index_version

    version = await database_sync_to_async(request_version)(base, "test")
    await database_sync_to_async(settle)(base)
    deadline = time.monotonic() + PATIENCE_S
    while (found := await rag.search("一天多少钱")).index_version != version.collection_name:
        assert time.monotonic() < deadline
    assert found.passages[0].text == "90元。"


async def until_found(rag: RAGSystem, text: str) -> Found:
    """Return the first search whose best passage is ``text``; the live version is asked twice a second."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(RetrievalError):  # no version is known yet
                found = await rag.search("一天多少钱")
                if found.passages[0].text == text:
                    return found
            await asyncio.sleep(0.05)
