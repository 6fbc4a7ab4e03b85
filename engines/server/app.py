"""The engine server: speech, language, embeddings and reranking models behind OpenAI's HTTP API.

::

    app = create_app(stages_for({"whisper": FasterWhisper(), "kokoro": Kokoro()}, Place(2, cache)))
    uvicorn.run(app, port=8101)

Models load when the application starts; ``/health`` is 503 until all of them are warm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engines.server.chat import chat_completions
from engines.server.embeddings import embeddings
from engines.server.errors import HANDLED, APIError, handle
from engines.server.requests import stages
from engines.server.rerank import rerank
from engines.server.speech import speech
from engines.server.stages import Stage
from engines.server.transcriptions import transcriptions, translations


def create_app(
    engines: Sequence[Stage],
    on_failure: Callable[[], None] = lambda: None,
    wanted: Callable[[], Sequence[Stage]] | None = None,
    on_ready: Callable[[Stage], None] = lambda _stage: None,
) -> Starlette:
    """Return the ASGI application that serves ``engines``.

    ``wanted`` says anew what is to be served (blocking); ``POST /v1/models/reload`` asks it.

    ``on_failure`` is called when a required model could not be loaded, ``on_ready`` (blocking) for each
    that was.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(engines, on_failure, on_ready))
        try:
            yield
        finally:
            loading.cancel()
            for stage in app.state.stages:
                stage.queue.close()

    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/models", list_models),
            Route("/v1/models/reload", reload, methods=["POST"]),
            Route("/v1/models/{model}", show_model),
            Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
            Route("/v1/audio/translations", translations, methods=["POST"]),
            Route("/v1/audio/speech", speech, methods=["POST"]),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/rerank", rerank, methods=["POST"]),
        ],
        exception_handlers={**dict.fromkeys(HANDLED, handle), ClientDisconnect: _gone, Exception: handle},
        lifespan=lifespan,
    )
    app.state.stages = tuple(engines)
    app.state.wanted = wanted
    app.state.on_ready = on_ready
    app.state.work = set()
    return app


async def _load(
    engines: Sequence[Stage], on_failure: Callable[[], None], on_ready: Callable[[Stage], None]
) -> None:
    await asyncio.gather(*(_start(stage, on_ready) for stage in engines if stage.state == "loading"))
    if any(stage.state == "failed" and stage.required for stage in engines):
        on_failure()


async def _start(stage: Stage, on_ready: Callable[[Stage], None]) -> None:
    await stage.start()
    if stage.state == "ready":
        await asyncio.to_thread(on_ready, stage)


async def health(request: Request) -> Response:
    """200 when every required model is loaded and warm, else 503; the body tells the state of each."""
    reports = [stage.health() for stage in stages(request)]
    states = {stage.state for stage in stages(request) if stage.required}
    status = "failed" if "failed" in states else "loading" if "loading" in states else "ok"
    return JSONResponse({"status": status, "engines": reports}, 200 if status == "ok" else 503)


async def list_models(request: Request) -> Response:
    loaded = [_describe(stage) for stage in stages(request) if stage.state == "ready"]
    return JSONResponse({"object": "list", "data": loaded})


async def show_model(request: Request) -> Response:
    wanted = request.path_params["model"]
    for stage in stages(request):
        if stage.serves(wanted) and stage.state == "ready":
            return JSONResponse(_describe(stage))
    raise APIError(404, f"The model {wanted!r} is not loaded here.", "model_not_found", "model")


async def reload(request: Request) -> Response:
    """Serve what is wanted now: load what is new, unload what is gone, drop nothing that is under way.

    Answers at once; ``/health`` tells when the new models are ready.
    """
    state = request.app.state
    if state.wanted is None:
        raise APIError(404, "This server's engines are fixed.", "not_configurable")
    wanted = await asyncio.to_thread(state.wanted)
    old = {stage.source: stage for stage in state.stages}
    new = []
    for stage in wanted:
        kept = old.pop(stage.source, None)
        if kept is not None and kept.state != "failed":
            kept.rename(stage)
        new.append(stage if kept is None or kept.state == "failed" else kept)
    state.stages = tuple(new)
    fresh = [stage for stage in new if stage.state == "loading" and stage in wanted]
    for work in (
        *(_start(stage, state.on_ready) for stage in fresh),
        *(stage.retire() for stage in old.values()),
    ):
        task = asyncio.create_task(work)
        state.work.add(task)
        task.add_done_callback(state.work.discard)
    return JSONResponse({"loading": [s.model for s in fresh], "unloading": [s.model for s in old.values()]})


async def _gone(_: Request, __: Exception) -> Response:
    # Nobody reads this; the queue has logged what was dropped.
    return Response(status_code=499)


def _describe(stage: Stage) -> dict[str, Any]:
    about = {"id": stage.model, "object": "model", "created": 0, "owned_by": "aiker", "kind": stage.kind}
    about |= {"device": stage.device, "memory_mb": stage.memory_mb}
    return about | ({"voices": list(stage.engine.voices)} if stage.kind == "tts" else {})
