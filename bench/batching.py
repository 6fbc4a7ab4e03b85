"""What it brings to embed questions that arrive together in one run.

The real application and the real model run in this process; only the socket is left out. Rounds with and
without batching alternate, so that other work on the machine slows both.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

import httpx

from bench.report import Metric

AT_ONCE = 16
ROUNDS = 30


def run() -> Sequence[Metric]:
    """Print the throughput of 16 concurrent requests of one question each, together and one by one."""
    os.environ |= {"AIKER_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "aiker.settings"}
    import django

    django.setup()
    from engines.catalog import model_dir
    from engines.local.bge_onnx import BGEEmbedder
    from engines.server.launch import threads

    return asyncio.run(measure(BGEEmbedder(model_dir("bge-small-zh"), threads())))


async def measure(embedder: object) -> list[Metric]:
    from engines.server import embeddings
    from engines.server.app import create_app
    from engines.server.queue import BatchLimit
    from engines.server.stages import Stage

    asked = json.loads(Path(__file__).with_name("questions.json").read_text())
    texts = [question["say"] for questions in asked.values() for question in questions][:AT_ONCE]
    stage = Stage("embedding", "bge", lambda: embedder, state="ready", engine=embedder)
    transport = httpx.ASGITransport(create_app([stage]))
    ways = {"together": embeddings.TOGETHER, "one by one": BatchLimit(items=1, weight=1)}
    waits: dict[str, list[list[float]]] = {name: [] for name in ways}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        for _round in range(ROUNDS):
            for name, limit in ways.items():
                embeddings.TOGETHER = limit
                waits[name].append(await all_at_once(client, texts))
    found: list[Metric] = []
    for name, rounds in waits.items():
        rate = median(len(texts) / max(seconds) for seconds in rounds)
        wait_ms = median(mean(seconds) for seconds in rounds) * 1000
        print(f"{name:10} {rate:4.0f} requests a second, answered after {wait_ms:3.0f} ms on average")
        found.append(Metric(f"{name}: mean wait for an answer", wait_ms, "ms"))
    pairs = zip(waits["one by one"], waits["together"], strict=True)
    ratio = median(max(slow) / max(fast) for slow, fast in pairs)
    print(
        f"together is {ratio:.2f} times as fast (median of {ROUNDS} rounds of {len(texts)} requests at once)"
    )
    return [Metric("throughput together / one by one", ratio, "", None, "higher"), *found]


async def all_at_once(client: httpx.AsyncClient, texts: list[str]) -> list[float]:
    """Return after how many seconds each of the requests had its answer."""
    began = time.perf_counter()

    async def ask(text: str) -> float:
        (await client.post("/v1/embeddings", json={"input": text})).raise_for_status()
        return time.perf_counter() - began

    return await asyncio.gather(*map(ask, texts))
