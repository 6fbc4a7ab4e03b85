"""The passages that answer a caller's question.

::

    retriever = await Retriever.open(assistant.knowledge_base_id)    # once, when the call starts
    result = await retriever.search("周六开门吗", k=2)                # each turn
    [p.text for p in result.passages]

A call keeps the index version it started with. After ``open`` nothing here touches the database.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

import chromadb
import httpx
from channels.db import database_sync_to_async
from chromadb.errors import ChromaError
from django.conf import settings
from django.utils.translation import gettext as _

from engines.adapters.rerank_adapter import RerankAdapter
from engines.errors import EngineError
from engines.routing import Served
from knowledge import store
from knowledge.embedding import AsyncEmbedder, EmbeddingError
from knowledge.errors import RetrievalError
from knowledge.models import KnowledgeBase

# Cosine similarity of the best passage under which the base has no answer. Chosen for bge-small-zh-v1.5 on
# the sample data: keeps 99 of 100 answerable questions and refuses 18 of 20 others (docs/knowledge.md).
MIN_SCORE = 0.65
# What lies further under the best passage costs the language model time and misleads it.
MARGIN = 0.15
OPEN_TIMEOUT_S = 3.0
EMBED_TIMEOUT_S = 1.0
SEARCH_TIMEOUT_S = 0.5
# A document has a vector for each wording; enough of them are fetched that k documents remain.
VECTORS_PER_PASSAGE = 8
# Documents that a reranker judges for each question; a cross-encoder reads them all while a caller waits.
CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class ActiveIndex:
    """What a call needs to know of the live version of a base."""

    collection_name: str
    embedding_model: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage found: ``score`` is the cosine similarity (0..1), ``rank`` starts at 1."""

    key: str
    title: str
    text: str
    score: float
    rank: int
    chunk_id: int


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Passages, best first; none: the base has no answer. ``best_score`` is the highest seen all the same.

    ``reranked`` tells who put them in order; ``rerank_error`` why nobody did, though there is a reranker.
    """

    passages: tuple[Passage, ...]
    best_score: float
    embed_ms: float
    search_ms: float
    index_version: str
    rerank_ms: float = 0.0
    reranked: Served | None = None
    rerank_error: EngineError | None = None


class Retriever:
    """Search in one index version, for one call. Safe for several searches at once, in one event loop."""

    def __init__(
        self,
        collection: Any,
        embedder: AsyncEmbedder,
        index: ActiveIndex,
        min_score: float = MIN_SCORE,
        reranker: RerankAdapter | None = None,
    ) -> None:
        self.index = index
        self.min_score = min_score
        self._collection = collection
        self._embedder = embedder
        self._reranker = reranker

    @classmethod
    async def open(cls, base_id: int) -> Retriever:
        """Return a retriever on the version of the base that is live now; raise RetrievalError."""
        index = await database_sync_to_async(active_index)(base_id)
        if index is None:
            raise RetrievalError(
                "retrieval",
                "index_missing",
                _(
                    "The knowledge base has no index yet. Run manage.py load_knowledge, or re-index it "
                    "in the admin."
                ),
            )
        return await cls.for_collection(index.collection_name, index.embedding_model)

    @classmethod
    async def for_collection(
        cls,
        collection_name: str,
        embedding_model: str = "",
        *,
        min_score: float = MIN_SCORE,
        reranker: RerankAdapter | None = None,
    ) -> Retriever:
        """Return a retriever on a collection by its name, without the database; raise RetrievalError.

        ``embedding_model`` is the catalogue id the collection was built with; empty: the one in the settings.
        ``reranker`` puts the best passages in order; without one they stay in that of their vectors.
        """
        index = ActiveIndex(collection_name, embedding_model or settings.AIKER.embedding_model)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                client = await chroma_client()
                collection = await client.get_collection(collection_name, embedding_function=None)
        except store.StoreError as exc:
            raise RetrievalError("retrieval", exc.code, exc.message) from exc
        except (ChromaError, httpx.HTTPError) as exc:
            raise search_error(exc) from exc
        except TimeoutError as exc:
            raise search_error(httpx.ReadTimeout("open")) from exc
        return cls(collection, embedder_for(index.embedding_model), index, min_score, reranker)

    async def search(self, query: str, k: int = 3) -> RetrievalResult:
        """Return at most ``k`` passages of different documents; raise RetrievalError.

        Takes at most 1.0 s to embed and 0.5 s to search; a query without a letter finds nothing at once.
        A reranker has the time limits of its endpoints; when it fails, the order of the vectors stays.
        """
        if k < 1 or not any(char.isalnum() for char in query):
            return RetrievalResult((), 0.0, 0.0, 0.0, self.index.collection_name)
        started = time.perf_counter()
        vector = await self._embed(query.strip())
        embedded = time.perf_counter()
        documents = max(k, CANDIDATES) if self._reranker else k
        found = await self._query(vector, documents * VECTORS_PER_PASSAGE)
        finished = time.perf_counter()
        result = RetrievalResult(
            passages=best_of_each_document(found, k, self.min_score),
            best_score=found[0][1] if found else 0.0,
            embed_ms=(embedded - started) * 1000,
            search_ms=(finished - embedded) * 1000,
            index_version=self.index.collection_name,
        )
        # No margin: that the vectors set a passage far under the best is what the reranker may correct.
        candidates = best_of_each_document(found, documents, self.min_score, margin=1.0)
        if self._reranker and len(candidates) > 1:
            return await self._rerank(self._reranker, query.strip(), candidates, k, result)
        return result

    async def _rerank(
        self,
        reranker: RerankAdapter,
        query: str,
        candidates: tuple[Passage, ...],
        k: int,
        result: RetrievalResult,
    ) -> RetrievalResult:
        """Return ``result`` with the ``k`` candidates that answer best, or with the reason why it stays."""
        started = time.perf_counter()
        served: list[Served] = []
        texts = [f"{passage.title}：{passage.text}" for passage in candidates]
        try:
            scores = await reranker.score(query, texts, served.append)
        except EngineError as exc:
            return replace(result, rerank_error=exc, rerank_ms=(time.perf_counter() - started) * 1000)
        best = sorted(range(len(candidates)), key=lambda index: -scores[index])[:k]
        passages = [replace(candidates[index], rank=rank) for rank, index in enumerate(best, start=1)]
        return replace(
            result,
            passages=tuple(passages),
            rerank_ms=(time.perf_counter() - started) * 1000,
            reranked=served[0],
        )

    async def _embed(self, query: str) -> list[float]:
        try:
            async with asyncio.timeout(EMBED_TIMEOUT_S):
                return await self._embedder.embed(query)
        except EmbeddingError as exc:
            raise RetrievalError("embedding", exc.code, exc.message) from exc
        except TimeoutError as exc:
            message = _("The question was not embedded within {seconds} s.").format(seconds=EMBED_TIMEOUT_S)
            raise RetrievalError("embedding", "timeout", message) from exc

    async def _query(self, vector: list[float], count: int) -> list[tuple[dict[str, Any], float]]:
        """Return (metadata, similarity) of the nearest vectors, best first."""
        try:
            async with asyncio.timeout(SEARCH_TIMEOUT_S):
                answer = await self._collection.query(
                    query_embeddings=[vector], n_results=count, include=["metadatas", "distances"]
                )
        except (ChromaError, httpx.HTTPError) as exc:
            raise search_error(exc) from exc
        except TimeoutError as exc:
            raise search_error(httpx.ReadTimeout("query")) from exc
        similarities = (min(1.0, max(0.0, 1.0 - distance)) for distance in answer["distances"][0])
        return list(zip(answer["metadatas"][0], similarities, strict=True))


def active_index(base_id: int) -> ActiveIndex | None:
    """Return the live version of a base; None before the first. Asks the database: not for the media path."""
    base = KnowledgeBase.objects.select_related("active_version").filter(pk=base_id).first()
    version = base.active_version if base else None
    return ActiveIndex(version.collection_name, version.embedding_model) if version else None


def best_of_each_document(
    found: list[tuple[dict[str, Any], float]], k: int, min_score: float, margin: float = MARGIN
) -> tuple[Passage, ...]:
    """Return the best passage of each document, best first, at most ``k``, none ``margin`` under the best.

    Nothing at all when the best is under ``min_score``.
    """
    if not found or found[0][1] < min_score:
        return ()
    passages: dict[str, Passage] = {}
    for metadata, score in found:
        if score < found[0][1] - margin or len(passages) == k:
            break
        if metadata["key"] not in passages:
            passages[metadata["key"]] = Passage(**metadata, score=score, rank=len(passages) + 1)
    return tuple(passages.values())


def search_error(exc: Exception) -> RetrievalError:
    error = store.explain(exc)
    return RetrievalError("retrieval", error.code, error.message)


# One connection pool for all calls of an event loop; opening one costs 50 to 200 ms of the loop's time.
# Loops are kept: Chroma's client finds its pool by the loop's id, which a dead loop would pass on.
_chroma_clients: dict[tuple[asyncio.AbstractEventLoop, int], chromadb.AsyncClientAPI] = {}
_embedders: dict[tuple[asyncio.AbstractEventLoop, str, str], AsyncEmbedder] = {}


async def chroma_client() -> chromadb.AsyncClientAPI:
    place = (asyncio.get_running_loop(), settings.AIKER.chroma_port)
    if place not in _chroma_clients:
        _chroma_clients[place] = await store.open_client()
    return _chroma_clients[place]


def embedder_for(model: str) -> AsyncEmbedder:
    place = (asyncio.get_running_loop(), settings.AIKER.engines_url, model)
    if place not in _embedders:
        _embedders[place] = AsyncEmbedder(model, settings.AIKER.engines_url)
    return _embedders[place]
