"""The vectors: Chroma, one collection for each index version.

::

    store = open_store()                                # the indexer
    store.put("onesuite-3f9c0a1b2c4d", {"12-9f0c": vector})
    client = await open_client()                        # a live call

Nobody opens Chroma's files: a second process on them goes silently stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import chromadb
import httpx
import numpy as np
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError
from django.conf import settings
from django.utils.translation import gettext as _

from knowledge.errors import KnowledgeError

HOST = "127.0.0.1"
BATCH = 500
# Adding 500 vectors takes 1 s on 2 idle cores.
REQUEST_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 5.0
# Chroma's defaults (100, 16, 100) miss the best of 5,600 vectors for 4 of 100 questions, and ever more with
# the size of the base; with these none was missed (docs/performance.md, "Knowledge").
SPACE = {"hnsw": {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 400}}


class StoreError(KnowledgeError):
    """Chroma did not do what was asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("index", code, message)


class Store:
    """Changes to the index. Only ``open_store()`` makes one; what Chroma raises becomes a StoreError."""

    def __init__(self, client: chromadb.ClientAPI) -> None:
        self._client = client

    def ensure(self, name: str) -> None:
        """Make a collection unless a build that was cut short has made it."""
        with explained():
            self._client.get_or_create_collection(name, embedding_function=None, configuration=SPACE)  # type: ignore[arg-type]

    def put(self, name: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Write vectors by their ids; one that is there is replaced."""
        ids = list(vectors)
        with explained():
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                batch = ids[start : start + BATCH]
                # One array: its client refuses lists (just embedded) and arrays (copied) together.
                matrix = np.array([vectors[id] for id in batch], np.float32)
                collection.upsert(ids=batch, embeddings=matrix)

    def get(self, name: str, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Return those of these vectors that there are; none when the collection is gone."""
        with explained():
            try:
                found = self._collection(name).get(ids=list(ids), include=["embeddings"])
            except NotFoundError:
                return {}
        return dict(zip(found["ids"], found["embeddings"], strict=True))  # type: ignore[arg-type]

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete vectors by their ids; one that is not there is fine."""
        with explained():
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                collection.delete(ids=list(ids[start : start + BATCH]))

    def remove(self, name: str) -> None:
        """Delete a collection; one that is not there is fine."""
        with explained():
            try:
                self._client.delete_collection(name)
            except NotFoundError:
                return

    def count(self, name: str) -> int | None:
        """Return the number of vectors; None: there is no such collection."""
        with explained():
            try:
                return self._collection(name).count()
            except NotFoundError:
                return None

    def ids(self, name: str) -> set[str]:
        """Return the ids of all vectors of a collection."""
        with explained():
            return set(self._collection(name).get(include=[])["ids"])

    def _collection(self, name: str) -> chromadb.Collection:
        return self._client.get_collection(name, embedding_function=None)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what Chroma and its connection raise inside into a StoreError."""
    try:
        yield
    # A refused connection and much else is a ValueError with it.
    except (ChromaError, httpx.HTTPError, ValueError) as exc:
        raise explain(exc) from exc


def open_store() -> Store:
    """Return the only way to change the index; raise StoreError."""
    with explained():
        # Chroma's own client waits for ever, already when it is made, and has no setting for it.
        httpx.get(f"{url()}/api/v2/heartbeat", timeout=CONNECT_TIMEOUT_S).raise_for_status()
        client = chromadb.HttpClient(host=HOST, port=settings.AIKER.chroma_port, settings=client_settings())
        client._server._session.timeout = httpx.Timeout(REQUEST_TIMEOUT_S)  # type: ignore[attr-defined]
        return Store(client)


async def open_client() -> chromadb.AsyncClientAPI:
    """Return a client of this event loop; raise StoreError. The caller sets the time limit."""
    try:
        return await chromadb.AsyncHttpClient(
            host=HOST, port=settings.AIKER.chroma_port, settings=client_settings()
        )
    # It reports a refused connection as a ValueError.
    except (ChromaError, httpx.HTTPError, ValueError) as exc:
        raise explain(exc) from exc


def url() -> str:
    return f"http://{HOST}:{settings.AIKER.chroma_port}"


def client_settings() -> Settings:
    return Settings(anonymized_telemetry=False)


def explain(exc: Exception) -> StoreError:
    """Return the error as an operator can act on it."""
    if isinstance(exc, NotFoundError):
        return StoreError(
            "index_missing", _("The index was removed from Chroma. Re-index the knowledge base.")
        )
    if isinstance(exc, httpx.TimeoutException):
        return StoreError("timeout", _("Chroma at {url} did not answer in time.").format(url=url()))
    if isinstance(exc, httpx.TransportError) or "Could not connect" in str(exc):
        return StoreError(
            "unreachable",
            _(
                "Chroma at {url} does not answer. Start everything with manage.py start, then try again."
            ).format(url=url()),
        )
    return StoreError("broken", _("Chroma at {url} failed: {reason}").format(url=url(), reason=exc))
