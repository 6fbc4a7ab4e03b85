"""Which version of a base is live, and which draft serves some calls, as calls ask it at each turn.

::

    serving = await serving_of(base_id)
    serving.live                             # None: the base has no index yet
    serving.canary                           # None, or a draft and the rule which calls it serves

Asked of the database at most twice a second and base, by a thread of its own. When the database is slow or
down, calls go on with what it said last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import close_old_connections

from knowledge.canary.assignment import Rule
from knowledge.canary.running import rule_of
from knowledge.models import Canary, IndexVersion, KnowledgeBase
from knowledge.models.content import Phrasing

logger = logging.getLogger(__name__)

FRESH_S = 0.5
WAIT_S = 0.3
_database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-index")
_known: dict[int, tuple[float, Serving]] = {}


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """What a turn needs to know of a version and its base."""

    collection: str
    embedding_model: str
    min_confidence: float
    verbatim_confidence: float
    phrasing: str = Phrasing.AUTO


@dataclass(frozen=True, slots=True)
class DraftIndex:
    """A draft, and which calls it serves."""

    index: LiveIndex
    rule: Rule


@dataclass(frozen=True, slots=True)
class Serving:
    """What calls of a base are answered from."""

    live: LiveIndex | None
    canary: DraftIndex | None = None


async def serving_of(base_id: int) -> Serving:
    """Return what serves the calls of a base now."""
    known = _known.get(base_id)
    if known and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    asked = asyncio.get_running_loop().run_in_executor(_database, _ask, base_id)
    done, _ = await asyncio.wait([asked], timeout=WAIT_S if known else None)
    if done and not (error := asked.exception()):
        _known[base_id] = (time.monotonic(), asked.result())
    elif known:
        logger.warning(
            "the database is slow: calls go on with the index they had (%s)", error if done else ""
        )
    else:
        asked.result()
    return _known[base_id][1]


def _ask(base_id: int) -> Serving:
    try:
        canary = Canary.objects.select_related("version__base").filter(base_id=base_id, ended_at=None).first()
        version = (
            IndexVersion.objects.select_related("base")
            .filter(pk__in=KnowledgeBase.objects.filter(pk=base_id).values("active_version"))
            .first()
        )
    finally:
        close_old_connections()
    return Serving(
        index_of(version) if version else None,
        DraftIndex(index_of(canary.version), rule_of(canary)) if canary else None,
    )


def index_of(version: IndexVersion) -> LiveIndex:
    """Return a version as a turn would have it were it live."""
    base = version.base
    return LiveIndex(
        version.collection_name,
        version.embedding_model,
        base.min_confidence,
        base.verbatim_confidence,
        base.phrasing,
    )
