"""Callers' questions find their entry; what cannot be searched fails in time and by name.

Most tests have no database mark: pytest-django then refuses every query, as the media path promises.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

import pytest
from channels.db import database_sync_to_async
from pytest_django.fixtures import Settings

from knowledge import indexing
from knowledge.errors import RetrievalError
from knowledge.models import Document, KnowledgeBase
from knowledge.retrieval import Retriever, best_of_each_document
from tests.knowledge.conftest import free_port, move, questions

pytestmark = pytest.mark.models


@pytest.mark.usefixtures("processes")
async def test_spoken_questions_find_their_entry_and_others_find_nothing(sample_collection: str) -> None:
    retriever = await Retriever.for_collection(sample_collection)
    ranks, refused, milliseconds = [], [], []
    for question in questions():
        result = await retriever.search(question["question"], k=3)
        keys = [p.key for p in result.passages]
        milliseconds.append(result.embed_ms + result.search_ms)
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
    assert hit3 >= 0.97
    assert sum(refused) / len(refused) >= 0.9


@pytest.mark.usefixtures("processes")
async def test_passages_carry_what_the_call_needs_without_the_database(sample_collection: str) -> None:
    retriever = await Retriever.for_collection(sample_collection)
    result = await retriever.search("想租个固定的工位，每个月多少钱", k=2)
    first, second = result.passages
    assert (first.key, first.title, first.rank) == ("price-fixed-desk", "固定工位价格", 1)
    assert first.text == "固定工位1800元一个月，带抽屉柜和专属座位。"
    assert 1.0 >= first.score > second.score >= retriever.min_score
    assert second.key != first.key
    assert (result.index_version, result.best_score) == (sample_collection, first.score)
    assert result.embed_ms > 0
    assert result.search_ms > 0


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("query", ["", "  ", "。？！"])
async def test_a_query_without_words_finds_nothing(sample_collection: str, query: str) -> None:
    retriever = await Retriever.for_collection(sample_collection)
    assert (await retriever.search(query)).passages == ()


def test_a_document_is_found_once_and_nothing_lies_far_under_the_best() -> None:
    found = [
        ({"key": key, "title": key, "text": text, "chunk_id": 1}, score)
        for key, text, score in [
            ("a", "x", 0.7),
            ("a", "y", 0.65),
            ("b", "z", 0.6),
            ("c", "w", 0.56),
            ("d", "v", 0.54),
        ]
    ]
    passages = best_of_each_document(found, k=5, min_score=0.5)
    assert [(p.key, p.text, p.rank) for p in passages] == [("a", "x", 1), ("b", "z", 2), ("c", "w", 3)]
    assert len(best_of_each_document(found, k=2, min_score=0.5)) == 2


def test_nothing_is_found_when_the_best_is_under_the_threshold() -> None:
    found = [({"key": "a", "title": "a", "text": "x", "chunk_id": 1}, 0.69)]
    assert best_of_each_document(found, k=3, min_score=0.7) == ()
    assert best_of_each_document([], k=3, min_score=0.7) == ()


async def failure(query: asyncio.Future[object] | object) -> RetrievalError:
    with pytest.raises(RetrievalError) as caught:
        await query  # type: ignore[misc]
    return caught.value


@pytest.mark.usefixtures("processes")
async def test_an_index_that_was_removed_is_named_so() -> None:
    error = await failure(Retriever.for_collection("never-was"))
    assert (error.stage, error.code) == ("retrieval", "index_missing")


async def test_a_stopped_engine_server_is_named_at_once(processes: Settings, sample_collection: str) -> None:
    move(processes, engines_port=free_port())
    retriever = await Retriever.for_collection(sample_collection)
    error = await failure(retriever.search("周六开门吗"))
    assert (error.stage, error.code) == ("embedding", "unreachable")


async def test_a_stopped_chroma_is_named_at_once(processes: Settings) -> None:
    move(processes, chroma_port=free_port())
    error = await failure(Retriever.for_collection("sample-data"))
    assert (error.stage, error.code) == ("retrieval", "unreachable")


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
    processes: Settings, sample_collection: str
) -> None:
    async with silent_server() as port:
        move(processes, engines_port=port)
        retriever = await Retriever.for_collection(sample_collection)
        started = time.perf_counter()
        error = await failure(retriever.search("周六开门吗"))
    assert (error.stage, error.code) == ("embedding", "timeout")
    assert time.perf_counter() - started < 1.5


async def test_a_hanging_chroma_is_given_up(processes: Settings) -> None:
    async with silent_server() as port:
        move(processes, chroma_port=port)
        error = await failure(Retriever.for_collection("sample-data"))
    assert (error.stage, error.code) == ("retrieval", "timeout")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("processes")
async def test_a_call_keeps_the_version_it_started_with_and_the_next_call_has_the_new_one() -> None:
    base = await KnowledgeBase.objects.acreate(name="小店", slug="shop")
    error = await failure(Retriever.open(base.pk))
    assert (error.stage, error.code) == ("retrieval", "index_missing")

    document = await Document.objects.acreate(
        base=base, title="日卡", question="一天多少钱？", answer="80元。"
    )
    await database_sync_to_async(indexing.rebuild_index)(base)
    first_call = await Retriever.open(base.pk)

    document.answer = "90元。"
    await document.asave()
    await database_sync_to_async(indexing.rebuild_index)(base)
    second_call = await Retriever.open(base.pk)

    texts = [(await call.search("一天多少钱")).passages[0].text for call in (first_call, second_call)]
    assert texts == ["80元。", "90元。"]
