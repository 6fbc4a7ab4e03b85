"""Connections that all calls of an event loop share: to Chroma and to the engine server.

Opening one costs 50 to 200 ms of the loop's time. Loops are kept: Chroma's client finds its pool by the id of
the loop, which a dead one would pass on.
"""

from __future__ import annotations

import asyncio

import chromadb
from django.conf import settings

from knowledge import store
from knowledge.embedding import AsyncEmbedder

_chroma_clients: dict[tuple[asyncio.AbstractEventLoop, int], chromadb.AsyncClientAPI] = {}
_embedders: dict[tuple[asyncio.AbstractEventLoop, str, str], AsyncEmbedder] = {}


async def chroma_client() -> chromadb.AsyncClientAPI:
    """Return this loop's client; raise StoreError. The caller sets the time limit."""
    place = (asyncio.get_running_loop(), settings.AIKER.chroma_port)
    if place not in _chroma_clients:
        _chroma_clients[place] = await store.open_client()
    return _chroma_clients[place]


def embedder_for(model: str) -> AsyncEmbedder:
    """Return this loop's embedder of a model."""
    place = (asyncio.get_running_loop(), settings.AIKER.engines_url, model)
    if place not in _embedders:
        _embedders[place] = AsyncEmbedder(model, settings.AIKER.engines_url)
    return _embedders[place]
