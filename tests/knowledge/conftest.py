"""A real Chroma process and a real embeddings server for the tests of this room."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from knowledge import retrieval
from knowledge.embedding import Embedder
from knowledge.loaders import read
from knowledge.management.commands.load_knowledge import SAMPLE
from knowledge.models import Chunk, Document, IndexVersion, KnowledgeBase
from knowledge.store import open_store
from knowledge.writing import VersionWriter
from tests.ports import free_port

QUESTIONS = Path(__file__).with_name("questions.json")
PATIENCE_S = 20.0


@pytest.fixture
def english() -> Iterator[None]:
    """For tests that compare texts."""
    with translation.override("en"):
        yield


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
    """The embeddings endpoint of the engine server, on the same model, and a stand-in for a voice."""
    from engines.local.bge_onnx import BGEEmbedder

    model = BGEEmbedder(django_settings.AIKER.models / "bge-small-zh", threads=1)

    async def embeddings(request: Request) -> JSONResponse:
        asked = await request.json()
        vectors, tokens = await asyncio.to_thread(model.embed, asked["input"])
        data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)}
        return JSONResponse({"object": "list", "model": asked["model"], "data": data, "usage": usage})

    async def speech(request: Request) -> Response:
        asked = await request.json()
        tone = np.full(2400 * len(asked["input"]), 8000, dtype="<i2")  # 0.1 s a character
        return Response(tone.tobytes(), media_type="application/octet-stream")

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    routes = [
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/audio/speech", speech, methods=["POST"]),
        Route("/health", health),
    ]
    return Starlette(routes=routes)


def stand_in_llm() -> Starlette:
    """A language model that reads out what it was given last, behind llama.cpp's addresses."""

    async def chat(request: Request) -> Response:
        asked = (await request.json())["messages"][-1]["content"]
        said = asked.rpartition("：")[2] if "资料：" in asked else "您好。"
        pieces = [json.dumps({"choices": [{"index": 0, "delta": {"content": char}}]}) for char in said]
        body = "".join(f"data: {piece}\n\n" for piece in [*pieces, "[DONE]"])
        return Response(body, media_type="text/event-stream")

    async def apply_template(request: Request) -> JSONResponse:
        messages = (await request.json())["messages"]
        return JSONResponse({"prompt": "".join(message["content"] for message in messages)})

    async def tokenize(request: Request) -> JSONResponse:
        return JSONResponse({"tokens": list(range(len((await request.json())["content"])))})

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/apply-template", apply_template, methods=["POST"]),
            Route("/tokenize", tokenize, methods=["POST"]),
            Route("/health", health),
        ]
    )


@pytest.fixture(scope="session")
def engines_port() -> Iterator[int]:
    """Port of a server that embeds with the real model."""
    yield from served(bge_only_engine_server())


@pytest.fixture(scope="session")
def llm_port() -> Iterator[int]:
    """Port of a stand-in for the language model."""
    yield from served(stand_in_llm())


def served(app: Starlette) -> Iterator[int]:
    """Yield the port of an application that runs meanwhile."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def processes(
    settings: Settings, chroma_port: int, engines_port: int, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings that point at the test's Chroma and engine server; a test may move them elsewhere."""
    move(settings, chroma_port=chroma_port, engines_port=engines_port)
    # A call does not wait for a busy machine; a test does.
    for limit in ("OPEN_TIMEOUT_S", "EMBED_TIMEOUT_S", "SEARCH_TIMEOUT_S"):
        monkeypatch.setattr(retrieval, limit, PATIENCE_S)
    return settings


def move(settings: Settings, **fields: Any) -> None:
    settings.AIKER = settings.AIKER.model_copy(update=fields)


@pytest.fixture
def base(db: None) -> KnowledgeBase:  # noqa: ARG001
    return KnowledgeBase.objects.create(name="测试", slug="test")


@pytest.fixture
def document(base: KnowledgeBase) -> Document:
    return Document.objects.create(
        base=base,
        key="day",
        category="价格",
        title="日卡",
        question="一天多少钱？",
        answer="80元。",
        alternative_questions=["日票多少", "按天租"],
    )


@pytest.fixture
def editors(db: None) -> tuple[Client, Client]:  # noqa: ARG001
    """Two operators at their desks, 小李 and 小王, who may do everything."""
    return browser("小李", superuser=True), browser("小王", superuser=True)


def browser(name: str, *permissions: str, superuser: bool = False) -> Client:
    """Return a browser, in English, of a new operator with these permissions."""
    user = User.objects.create_user(name, is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def document_form(document: Document, **fields: Any) -> dict[str, str]:
    """Return what the page of a document sends when it is opened now and these fields are typed over."""
    return {
        "kind": document.kind,
        "category": document.category,
        "title": document.title,
        "question": document.question,
        "alternative_questions": "\r\n".join(document.alternative_questions),
        "answer": document.answer,
        "tags": "\r\n".join(document.tags),
        "seen_revision": str(document.revision),
        **fields,
    }


@pytest.fixture(scope="session")
def sample_collection(chroma_port: int, engines_port: int) -> str:
    """Name of an index of all the sample data, written without the database."""
    kept = django_settings.AIKER
    django_settings.AIKER = kept.model_copy(update={"chroma_port": chroma_port, "engines_port": engines_port})
    try:
        version = IndexVersion(collection_name="sample-data", embedding_model="bge-small-zh")
        with VersionWriter(version, open_store(), Embedder()) as writer:
            writer.write(sample_documents())
    finally:
        django_settings.AIKER = kept
    return "sample-data"


def sample_documents() -> list[Document]:
    """Return the sample data as documents with their passages, none of them in the database."""
    documents = []
    for pk, entry in enumerate(read(SAMPLE).entries, start=1):
        document = Document(pk=pk, key=entry.id, **entry.fields())
        chunk = Chunk(pk=pk, document=document, position=0, text=document.answer)
        document._prefetched_objects_cache = {"chunks": Chunk.objects.none()}  # type: ignore[attr-defined]
        document._prefetched_objects_cache["chunks"]._result_cache = [chunk]  # type: ignore[attr-defined]
        documents.append(document)
    return documents


def questions() -> list[dict[str, Any]]:
    return json.loads(QUESTIONS.read_text(encoding="utf-8"))
