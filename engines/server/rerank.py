"""``POST /v1/rerank``, in the shape that Jina, Cohere, vLLM and llama.cpp share."""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engines.server.errors import Strict, StrictRequest, parse
from engines.server.requests import ready_stage, while_connected

logger = logging.getLogger(__name__)

Text = Annotated[str, Field(min_length=1)]


class Document(Strict):
    text: Text


class RerankRequest(StrictRequest):
    model: str = ""
    query: Text
    documents: Annotated[list[Text | Document], Field(min_length=1, max_length=256)]
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = False


async def rerank(request: Request) -> Response:
    """Return the documents' places in ``documents`` with their scores (0 to 1), best first.

    ``top_n`` leaves out the rest; with ``return_documents`` each comes with its text.
    """
    began = time.perf_counter()
    body = parse(RerankRequest, await request.body())
    stage = ready_stage(request, "rerank", body.model)
    texts = [item if isinstance(item, str) else item.text for item in body.documents]
    # Not batched with others: its documents are a batch already, and waiting for more would delay a caller.
    scores, tokens = await while_connected(
        request, stage.queue.run(lambda: stage.engine.score(body.query, texts))
    )
    milliseconds = round((time.perf_counter() - began) * 1000)
    logger.info("rerank %s: %d documents, %d tokens in %d ms", stage.model, len(texts), tokens, milliseconds)
    best = sorted(range(len(texts)), key=lambda index: -scores[index])[: body.top_n]
    results = [_result(index, scores[index], texts[index], body) for index in best]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "model": stage.model, "results": results, "usage": usage})


def _result(index: int, score: float, text: str, body: RerankRequest) -> dict[str, Any]:
    result = {"index": index, "relevance_score": score}
    return result | ({"document": {"text": text}} if body.return_documents else {})
