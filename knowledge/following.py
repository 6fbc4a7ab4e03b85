"""Wait for the indexer, or do its work where none runs.

::

    for version in follow(version):          # yields whenever it got on, last when it is built or failed
        print(version.done_count, version.document_count, version.remaining)
    settle(base)                             # all edits of a base are in the index
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from filelock import Timeout

from knowledge.indexing import Indexer, indexer_lock
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.versions import unfinished

POLL_S = 0.2


def follow(version: IndexVersion) -> Iterator[IndexVersion]:
    """Yield the version as it gets on, until it is live, refused or failed."""
    for _ in working(lambda: IndexVersion.objects.filter(unfinished(), pk=version.pk).exists()):
        yield current(version)
    yield current(version)


def settle(base: KnowledgeBase) -> None:
    """Return when no edit of the base and no version is on its way; failed edits count as on their way."""
    for _ in working(lambda: base.changes.exists() or base.versions.filter(unfinished()).exists()):
        pass


def current(version: IndexVersion) -> IndexVersion:
    return IndexVersion.objects.select_related("base").get(pk=version.pk)


def working(more: Callable[[], bool]) -> Iterator[None]:
    """Yield after each piece of work, ours or the indexer's, while there is more."""
    lock, indexer = indexer_lock(), Indexer()
    while more():
        try:
            with lock.acquire(timeout=0):
                if not indexer.step():
                    time.sleep(POLL_S)  # Chroma or the engine server is down: it is tried again
        except Timeout:
            time.sleep(POLL_S)
        yield
