"""The passages that answer a question, from one index version.

::

    retriever = Retriever("onesuite-3f9c0a1b2c4d", "bge-small-zh")
    result = await retriever.search("周六开门吗", k=3)
    [p.text for p in result.passages]

Meaning (vectors in Chroma) and words (the manifest) are searched at the same time. When one of them is down
the other answers alone, and the result says so. Nothing here touches the database.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import httpx
from chromadb.errors import ChromaError
from django.utils import timezone
from django.utils.translation import gettext as _

from engines.adapters.rerank_adapter import RerankAdapter
from engines.errors import EngineError
from engines.routing import Breaker, Served
from knowledge import store
from knowledge.connections import chroma_client, embedder_for
from knowledge.embedding import EmbeddingError
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage, Ranked, choose, fuse, together
from knowledge.heard import corrected, plain, spans
from knowledge.manifest import Manifest, StoredPassage
from knowledge.manifest_reader import reader
from knowledge.names import actions_in, all_lookups, load_dictionaries, names_in, topics_in, unknown
from knowledge.passages import chunk_of
from knowledge.question_forms import in_common_words
from knowledge.ranking import Question, by_merit
from knowledge.words import sounds, words
from knowledge.writing import manifest_path

OPEN_TIMEOUT_S = 3.0
EMBED_TIMEOUT_S = 1.0
SEARCH_TIMEOUT_S = 0.5
# A document has a vector for each wording; enough of them are fetched that k documents remain.
VECTORS_PER_DOCUMENT = 8
# Documents that both searches hand on, to be fused and reranked.
CANDIDATES = 8
# Documents among which the final order looks for the one that is asked for.
ORDERED = 24
# Keyword searches of this process; each takes some milliseconds.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keywords")


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Passages, best first; times in ms.

    ``similarity`` (0..1) is the highest of any passage; with a context, the mean of that with it and that
    without: whatever is joined to a question that found something is near to what that found. ``declined`` is
    that of the nearest question that is not answered, with ``declined_text`` to be said to it. ``queries``
    are the texts that were searched.
    ``nearest`` is the passage of the highest similarity, wherever its other merits put it.
    ``unknown_names`` and ``unknown_topics`` are what the question speaks of and the base never mentions,
    ``unmentioned`` the topics that the best passage and its wordings do not.
    ``failed`` is why one of the searches is missing; ``reranked`` who put the passages in order, and
    ``rerank_error`` why nobody did, though there is a reranker.
    """

    passages: tuple[Passage, ...]
    similarity: float
    index_version: str
    query: str = ""
    queries: tuple[str, ...] = ()
    declined: float = 0.0
    declined_text: str = ""
    nearest: Passage | None = None
    unknown_names: tuple[str, ...] = ()
    unknown_topics: tuple[str, ...] = ()
    unmentioned: tuple[str, ...] = ()
    embed_ms: float = 0.0
    dense_ms: float = 0.0
    keyword_ms: float = 0.0
    rerank_ms: float = 0.0
    total_ms: float = 0.0
    failed: RetrievalError | None = None
    reranked: Served | None = None
    rerank_error: EngineError | None = None


class Asked(NamedTuple):
    """What is searched for a question, and the topics it has.

    ``searched`` is the question without what surrounds it, with misheard words corrected, and last, joined to
    its context.
    """

    searched: tuple[str, ...]
    topics: tuple[str, ...]
    actions: tuple[str, ...]
    unknown_names: tuple[str, ...]
    unknown_topics: tuple[str, ...]


@dataclass(slots=True)
class Dense:
    """What the search by meaning brought, and how long its two steps took.

    The similarity of each vector by its id: to the question ``alone``, and ``joined`` to its context.
    """

    alone: dict[str, float] = field(default_factory=dict)
    joined: dict[str, float] = field(default_factory=dict)
    embed_ms: float = 0.0
    search_ms: float = 0.0


@dataclass(slots=True)
class Retriever:
    """Search in one index version. Safe for several searches at once, in one event loop.

    Nothing is opened before the first search.
    """

    collection: str
    embedding_model: str
    reranker: RerankAdapter | None = None
    breaker: Breaker = field(default_factory=Breaker)
    _chroma: Any = None

    async def search(self, query: str, k: int = 3, context: str = "", denied: str = "") -> RetrievalResult:
        """Return at most ``k`` passages of different documents; raise RetrievalError when nothing can search.

        ``context`` is what the query may lean on: it is searched with and without. ``denied`` is what the
        caller does not mean, such as 月卡.

        Takes at most 1 s to embed and 0.5 s to search, besides the limits of a reranker's endpoints. A query
        without a letter finds nothing at once.
        """
        query, context = query.strip(), context.strip()
        if k < 1 or not any(char.isalnum() for char in query):
            return RetrievalResult((), 0.0, self.collection, query)
        began = time.perf_counter()
        candidates = max(k, CANDIDATES)
        try:
            asked = await self._in_thread(self._read_question, query, context)
        except sqlite3.Error as exc:
            raise index_missing(exc) from exc
        queries = asked.searched
        own = queries[:-1] if context else queries
        keywords = asyncio.ensure_future(self._in_thread(self._keywords, own[-1], candidates * 2))
        dense, failed = Dense(), None
        try:
            dense = await self._dense(queries, len(own), candidates * VECTORS_PER_DOCUMENT)
        except RetrievalError as exc:
            failed = exc
        by_words, keyword_ms = await keywords
        if failed and context:
            by_words, keyword_ms = await self._in_thread(self._keywords, queries[-1], candidates * 2)
        ranked = fuse(together(dense.alone, dense.joined), by_words)
        stored = await self._in_thread(self._read, ranked)
        today = timezone.localdate().isoformat()
        alone, joined = (nearest(near, stored)[0] for near in (dense.alone, dense.joined))
        declined, declined_chunk = nearest(dense.alone, stored, declined=True)
        chosen = by_merit(
            Question(own[-1], context, denied), choose(ranked, stored, max(candidates, ORDERED), today)
        )
        result = RetrievalResult(
            passages=chosen[: candidates if self.reranker else k],
            nearest=max(chosen, key=lambda passage: passage.score, default=None),
            similarity=(alone + max(alone, joined)) / 2,
            index_version=self.collection,
            query=query,
            queries=queries,
            declined=declined,
            declined_text=stored[declined_chunk].text if declined else "",
            unknown_names=asked.unknown_names,
            unknown_topics=asked.unknown_topics,
            embed_ms=dense.embed_ms,
            dense_ms=dense.search_ms,
            keyword_ms=keyword_ms,
            failed=failed,
        )
        if self.reranker and len(result.passages) > 1:
            result = await self._rerank(self.reranker, result, k)
        if result.passages:
            missing = await self._in_thread(self._unmentioned, asked, result.passages[0])
            result = replace(result, unmentioned=missing)
        return replace(result, total_ms=(time.perf_counter() - began) * 1000)

    # -- meaning --------------------------------------------------------------

    async def _dense(self, queries: Sequence[str], own: int, count: int) -> Dense:
        """Search with the question, the first ``own`` of the queries, and joined to its context, the rest."""
        now = asyncio.get_running_loop().time
        if not self.breaker.allows(now()):
            raise RetrievalError(
                "retrieval", "breaker_open", _("The search by meaning rests after failures.")
            )
        try:
            began = time.perf_counter()
            vectors = await self._embed(queries)
            embedded = time.perf_counter()
            near = await self._nearest(vectors, count)
        except RetrievalError:
            self._chroma = None  # a restarted Chroma, or a collection made anew, is found again
            self.breaker.failed(now())
            raise
        self.breaker.succeeded()
        times = (embedded - began) * 1000, (time.perf_counter() - embedded) * 1000
        return Dense(merged(near[:own]), merged(near[own:]), *times)

    async def _embed(self, queries: Sequence[str]) -> list[list[float]]:
        try:
            async with asyncio.timeout(EMBED_TIMEOUT_S):
                return await embedder_for(self.embedding_model).embed(queries)
        except EmbeddingError as exc:
            raise RetrievalError("embedding", exc.code, exc.message) from exc
        except TimeoutError as exc:
            message = _("The question was not embedded within {seconds} s.").format(seconds=EMBED_TIMEOUT_S)
            raise RetrievalError("embedding", "timeout", message) from exc

    async def _nearest(self, vectors: list[list[float]], count: int) -> list[dict[str, float]]:
        """Return the ids of what is nearest to each of these vectors, with its similarity."""
        try:
            if self._chroma is None:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    client = await chroma_client()
                    self._chroma = await client.get_collection(self.collection, embedding_function=None)
            async with asyncio.timeout(SEARCH_TIMEOUT_S):
                answer = await self._chroma.query(
                    query_embeddings=vectors, n_results=count, include=["distances"]
                )
        except store.StoreError as exc:
            raise RetrievalError("retrieval", exc.code, exc.message) from exc
        except (ChromaError, httpx.HTTPError) as exc:
            raise search_error(exc) from exc
        except TimeoutError as exc:
            raise search_error(httpx.ReadTimeout("query")) from exc
        return [
            {id: min(1.0, 1.0 - distance) for id, distance in zip(ids, distances, strict=True)}
            for ids, distances in zip(answer["ids"], answer["distances"], strict=True)
        ]

    # -- words ----------------------------------------------------------------

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, *arguments)

    def _open(self) -> Manifest:
        return reader(manifest_path(self.collection))

    def _read_question(self, query: str, context: str) -> Asked:
        manifest, bare = self._open(), plain(query)
        words, known = manifest.heard_as(spans(bare))
        mended = corrected(bare, words, known)
        named, topics = names_in(mended), topics_in(mended)
        terms = manifest.known(all_lookups([*named, *topics]))
        own = [bare, mended, in_common_words(mended)]
        searched = tuple(dict.fromkeys([*own, f"{context} {mended}".strip()]))
        # What is part of a name is no topic: 静安 of 静安店.
        own_topics = tuple(topic for topic in topics if not any(topic in name for name in named))
        actions = actions_in(mended)
        return Asked(searched, own_topics, actions, unknown(named, terms), unknown(topics, terms))

    def _unmentioned(self, asked: Asked, passage: Passage) -> tuple[str, ...]:
        """Return what a question speaks of and a passage does not: things, or without any what is done."""
        topics = asked.topics or asked.actions
        held = self._open().held(passage.chunk_id, all_lookups(topics))
        return tuple(topic for topic in unknown(topics, held) if topic not in passage.title)

    def _keywords(self, query: str, limit: int) -> tuple[list[tuple[int, float]], float]:
        began = time.perf_counter()
        found = self._open().search(words(query), sounds(query), limit)
        return found, (time.perf_counter() - began) * 1000

    def _read(self, ranked: Sequence[Ranked]) -> dict[int, StoredPassage]:
        return self._open().passages(item.chunk_id for item in ranked)

    # -- order ----------------------------------------------------------------

    async def _rerank(self, reranker: RerankAdapter, result: RetrievalResult, k: int) -> RetrievalResult:
        """Return ``result`` with the ``k`` passages that answer best, or with the reason why it stays."""
        began = time.perf_counter()
        served: list[Served] = []
        texts = [f"{passage.title}：{passage.text}" for passage in result.passages]
        try:
            scores = await reranker.score(result.query, texts, served.append)
        except EngineError as exc:
            taken = (time.perf_counter() - began) * 1000
            return replace(result, passages=result.passages[:k], rerank_error=exc, rerank_ms=taken)
        best = sorted(range(len(texts)), key=lambda index: -scores[index])[:k]
        return replace(
            result,
            passages=tuple(
                replace(result.passages[index], rank=rank, rerank_score=scores[index])
                for rank, index in enumerate(best, start=1)
            ),
            rerank_ms=(time.perf_counter() - began) * 1000,
            reranked=served[0],
        )


@functools.cache
def warm() -> None:
    """Load the dictionaries in the background, once a process: the first question must not wait for them."""
    _threads.submit(load_dictionaries)


def merged(near: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what is near to any query with its highest similarity."""
    similarities: dict[str, float] = {}
    for found in near:
        for id, similarity in found.items():
            similarities[id] = max(similarities.get(id, 0.0), similarity)
    return similarities


def nearest(
    near: Mapping[str, float], stored: Mapping[int, StoredPassage], *, declined: bool = False
) -> tuple[float, int]:
    """Return the highest similarity of any passage that is said, or that is declined, and which one it is."""
    wanted = (
        (similarity, chunk_of(vector))
        for vector, similarity in near.items()
        if (passage := stored.get(chunk_of(vector))) and passage.declined == declined
    )
    return max(wanted, default=(0.0, 0))


def search_error(exc: Exception) -> RetrievalError:
    error = store.explain(exc)
    return RetrievalError("retrieval", error.code, error.message)


def index_missing(exc: sqlite3.Error) -> RetrievalError:
    text = _("The index has no manifest any more ({reason}). Re-index the knowledge base.")
    return RetrievalError("retrieval", "index_missing", text.format(reason=exc))
