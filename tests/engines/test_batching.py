"""Requests that wait for the embedding model together share a run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from engines.catalog import model_dir
from engines.local.bge_onnx import BGEEmbedder
from engines.server.stages import Stage
from tests.engines.serving import serving

QUESTIONS = [
    "押金要交多少",
    "周六开门吗",
    "几天能退款",
    "怎么开发票",
    "有停车场吗",
    "能带宠物吗",
    "网速快不快",
    "几点关门",
]
# The int8 model's scales depend a little on what is in the batch.
SAME_DIRECTION = 0.98


class Gated(BGEEmbedder):
    """The real embedder, which notes the size of each run and is held in the first until it is let go."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.runs: list[int] = []
        self.entered, self.go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        self.runs.append(len(texts))
        self.entered.set()
        assert self.go.wait(30)
        return super().embed(texts)


@pytest.mark.models
async def test_eight_waiting_questions_take_two_runs_and_get_their_own_vectors() -> None:
    embedder = Gated(model_dir("bge-small-zh"), 1)
    stage = Stage("embedding", "bge", lambda: embedder, state="ready", engine=embedder)

    with serving([stage]) as port:
        url = f"http://127.0.0.1:{port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            held = asyncio.create_task(client.embeddings.create(model="bge", input="第一个"))
            await asyncio.to_thread(embedder.entered.wait, 30)
            waiting = [
                asyncio.create_task(client.embeddings.create(model="bge", input=text)) for text in QUESTIONS
            ]
            async with asyncio.timeout(30):
                while stage.queue.depth < 1 + len(QUESTIONS):  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0)
            embedder.go.set()
            together = await asyncio.gather(*waiting)
            await held
            assert embedder.runs == [1, 4, 4]
            alone = [await client.embeddings.create(model="bge", input=text) for text in QUESTIONS]

    for answer, expected in zip(together, alone, strict=True):
        assert answer.usage == expected.usage
        assert np.dot(answer.data[0].embedding, expected.data[0].embedding) > SAME_DIRECTION
    vectors = np.array([answer.data[0].embedding for answer in together])
    others = vectors @ vectors.T - np.eye(len(vectors))
    assert others.max() < SAME_DIRECTION, "no question was given the vector of another"
