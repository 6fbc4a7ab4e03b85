"""A real Chroma process and a real embeddings server for the tests of this room."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from knowledge import chunking
from knowledge.embedding import Embedder
from knowledge.loaders import read
from knowledge.management.commands.load_knowledge import SAMPLE
from knowledge.models import Document, KnowledgeBase
from knowledge.store import Entry, write_store

QUESTIONS = Path(__file__).with_name("questions.json")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    """Return when the URL answers; connections are tried again for about a minute."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=30) as client:
        client.get(url).raise_for_status()


@pytest.fixture(scope="session")
def chroma_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a ``chroma run`` of this test session."""
    port, path = free_port(), tmp_path_factory.mktemp("chroma")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(path)]
    with (path / "chroma.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/v2/heartbeat")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def bge_only_engine_server() -> Starlette:
    """The embeddings endpoint of the engine server alone, on the same model: the others take long to load."""
    from engines.local.bge_onnx import BGEEmbedder

    model = BGEEmbedder(django_settings.AIKER.models / "bge-small-zh", threads=1)

    async def embeddings(request: Request) -> JSONResponse:
        asked = await request.json()
        vectors, tokens = await asyncio.to_thread(model.embed, asked["input"])
        data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)}
        return JSONResponse({"object": "list", "model": asked["model"], "data": data, "usage": usage})

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    routes = [Route("/v1/embeddings", embeddings, methods=["POST"]), Route("/health", health)]
    return Starlette(routes=routes)


@pytest.fixture(scope="session")
def engines_port() -> Iterator[int]:
    """Port of a server that embeds with the real model."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(bge_only_engine_server(), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def processes(settings: Settings, chroma_port: int, engines_port: int) -> Settings:
    """Settings that point at the test's Chroma and engine server; a test may move them elsewhere."""
    move(settings, chroma_port=chroma_port, engines_port=engines_port)
    return settings


def move(settings: Settings, **fields: Any) -> None:
    settings.AIKER = settings.AIKER.model_copy(update=fields)


@pytest.fixture
def base(db: None) -> KnowledgeBase:  # noqa: ARG001
    return KnowledgeBase.objects.create(name="测试", slug="test")


@pytest.fixture(scope="session")
def sample_collection(chroma_port: int, engines_port: int) -> str:
    """Name of a collection with all the sample data, written without the database."""
    kept = django_settings.AIKER
    django_settings.AIKER = kept.model_copy(update={"chroma_port": chroma_port, "engines_port": engines_port})
    try:
        texts = [
            (document, number, text)
            for document in sample_documents()
            for number, text in enumerate(chunking.search_texts(document, 0, document.answer))
        ]
        vectors = Embedder().embed([text for _, _, text in texts])
        entries = [
            Entry(
                f"{document.pk}-{number}", vector, document.key, document.title, document.answer, document.pk
            )
            for (document, number, _), vector in zip(texts, vectors, strict=True)
        ]
        with write_store() as store:
            store.create("sample-data")
            store.add("sample-data", entries)
    finally:
        django_settings.AIKER = kept
    return "sample-data"


def sample_documents() -> list[Document]:
    return [Document(pk=pk, key=e.id, **e.content()) for pk, e in enumerate(read(SAMPLE).entries, start=1)]


def questions() -> list[dict[str, Any]]:
    return json.loads(QUESTIONS.read_text(encoding="utf-8"))
