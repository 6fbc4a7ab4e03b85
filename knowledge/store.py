"""The vector index: Chroma, one collection for each index version.

::

    with write_store() as store:
        store.create("onesuite-3f9c0a1b2c4d")
        store.add("onesuite-3f9c0a1b2c4d", entries)
    client = await open_client()                        # a live call

Who blocks whom

=================== ==================== ======================= =======================================
                    live search          another build           removal of old versions
=================== ==================== ======================= =======================================
a build (process    never: it writes a   never: each has its own never: it takes versions that were
or web thread)      collection that no   collection; the newer   replaced over an hour ago, and builds
                    call has been given  row wins the switch     that have not ended after an hour
the switch          never: a call keeps  one UPDATE; an older    never: the live version and the one
(one UPDATE in      the collection it    version never replaces  before it are kept
the database)       started with         a newer one
removal             a call older than an see above               the second finds nothing to remove
                    hour answers without
                    passages
=================== ==================== ======================= =======================================

Nobody opens Chroma's files: a second process on them goes silently stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import chromadb
import httpx
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
SPACE = {"hnsw": {"space": "cosine"}}


class StoreError(KnowledgeError):
    """Chroma did not do what was asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("index", code, message)


@dataclass(frozen=True)
class Entry:
    """One vector of the index and what a call needs of its passage, so that it never asks the database."""

    id: str
    vector: Sequence[float]
    key: str
    title: str
    text: str
    chunk_id: int

    def metadata(self) -> dict[str, str | int]:
        return {"key": self.key, "title": self.title, "text": self.text, "chunk_id": self.chunk_id}


class Store:
    """Changes to the index. Only ``write_store()`` makes one."""

    def __init__(self, client: chromadb.ClientAPI) -> None:
        self._client = client

    def create(self, name: str) -> None:
        """Make an empty collection; its name is never used again."""
        self._client.create_collection(name, embedding_function=None, configuration=SPACE)  # type: ignore[arg-type]

    def add(self, name: str, entries: Sequence[Entry]) -> None:
        """Add vectors; raise StoreError when the collection does not hold all of them afterwards."""
        collection = self._client.get_collection(name, embedding_function=None)
        before = collection.count()
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            collection.add(
                ids=[entry.id for entry in batch],
                embeddings=[entry.vector for entry in batch],
                metadatas=[entry.metadata() for entry in batch],
            )
        added = collection.count() - before
        if added != len(entries):
            raise StoreError(
                "broken", _("Chroma kept {got} of {sent} vectors.").format(got=added, sent=len(entries))
            )

    def remove(self, name: str) -> None:
        """Delete a collection; one that is not there is fine."""
        try:
            self._client.delete_collection(name)
        except NotFoundError:
            return

    def count(self, name: str) -> int | None:
        """Return the number of vectors; None: there is no such collection."""
        try:
            return self._client.get_collection(name, embedding_function=None).count()
        except NotFoundError:
            return None


@contextmanager
def write_store() -> Iterator[Store]:
    """Yield the only way to change the index; whatever Chroma raises inside becomes a StoreError."""
    try:
        # Chroma's own client waits for ever, already when it is made, and has no setting for it.
        httpx.get(f"{url()}/api/v2/heartbeat", timeout=CONNECT_TIMEOUT_S).raise_for_status()
        client = chromadb.HttpClient(host=HOST, port=settings.AIKER.chroma_port, settings=client_settings())
        client._server._session.timeout = httpx.Timeout(REQUEST_TIMEOUT_S)  # type: ignore[attr-defined]
        yield Store(client)
    except (ChromaError, httpx.HTTPError) as exc:
        raise explain(exc) from exc


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
