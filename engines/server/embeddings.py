"""``POST /v1/embeddings``."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engines.local.base import Embedder
from engines.server.errors import APIError, StrictRequest, parse
from engines.server.queue import BatchLimit
from engines.server.requests import ready_stage, while_connected

logger = logging.getLogger(__name__)

# Questions of callers that wait together, or one request of the indexer. More than four at once bring a CPU
# no more throughput, and the first of them waits for the last (python -m bench batching).
TOGETHER = BatchLimit(items=4, weight=32)

Text = Annotated[str, Field(min_length=1)]


class EmbeddingsRequest(StrictRequest):
    model: str = ""
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """The texts of one request and the engine they are for."""

    engine: Embedder
    texts: list[str]


async def embeddings(request: Request) -> Response:
    """Return a unit vector for each text of ``input``, as floats or as base64 of little-endian float32.

    ``dimensions`` may only say what the model has: its vectors were not trained to be cut.
    Requests that wait for the model at the same time are embedded in one run.
    """
    began = time.perf_counter()
    body = parse(EmbeddingsRequest, await request.body())
    stage = ready_stage(request, "embedding", body.model)
    texts = [body.input] if isinstance(body.input, str) else body.input
    vectors, tokens = await while_connected(
        request, stage.queue.batched(Job(stage.engine, texts), embed_together, TOGETHER, weight=len(texts))
    )
    if body.dimensions not in (None, vectors.shape[1]):
        message = f"dimensions: {stage.model} has {vectors.shape[1]}, and was not trained to be cut to fewer."
        raise APIError(400, message, "invalid_value", "dimensions")
    milliseconds = round((time.perf_counter() - began) * 1000)
    logger.info("embedding %s: %d texts, %d tokens in %d ms", stage.model, len(texts), tokens, milliseconds)
    data = [
        {"object": "embedding", "index": index, "embedding": _encode(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": stage.model, "usage": usage})


def embed_together(jobs: Sequence[Job]) -> list[tuple[NDArray[np.float32], int]]:
    """Return the vectors and the number of tokens of each request of one engine, in one run."""
    vectors, tokens = jobs[0].engine.embed([text for job in jobs for text in job.texts])
    answers, start = [], 0
    for job in jobs:
        end = start + len(job.texts)
        answers.append((vectors[start:end], sum(tokens[start:end])))
        start = end
    return answers


def _encode(vector: NDArray[np.float32], encoding: str) -> Any:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return vector.tolist()
