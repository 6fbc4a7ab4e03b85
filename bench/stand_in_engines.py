"""Engines of fixed speed behind the OpenAI API, so that what is measured is the web process and the wire.

::

    python -m bench.stand_in_engines 8101      # one port stands for the engine server and the LLM server

Every answer takes the same time, whoever asks and however many do: nothing here computes or queues. Speech
comes faster than it is played, a good deal of it at once, so that no frame can be late for want of audio.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
import zlib
from collections.abc import AsyncIterator

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

HEARD = "请问你们周六几点开门呢？"
ANSWER = "周六早上九点开门，晚上六点关门，周日和节假日也照常营业，欢迎您随时过来看看。"

HEAR_S = 0.25
EMBED_S = 0.01
READ_AHEAD_S = 0.05
FIRST_TOKEN_S = 0.3
TOKEN_S = 0.02
TOKEN_CHARS = 2
FIRST_SOUND_S = 0.3
SOUND_S = 0.18  # of speech a character
FIRST_PIECE_S = 0.4
PIECE_S = 0.2
FASTER = 4  # than it is played

RATE = 24_000
DIMENSIONS = 512
_BYTES_PER_S = RATE * 2
_tone = (6000 * np.sin(2 * np.pi * 300 * np.arange(RATE * 20) / RATE)).astype("<i2").tobytes()
_late: list[float] = []


async def wait(seconds: float) -> None:
    """Sleep, and keep by how much it became longer: what these engines add beyond their fixed times."""
    due = time.perf_counter() + seconds
    await asyncio.sleep(seconds)
    _late.append((time.perf_counter() - due) * 1000)


async def transcriptions(request: Request) -> Response:
    await request.body()
    await wait(HEAR_S)
    return JSONResponse({"text": HEARD})


async def chat(request: Request) -> Response:
    asked = json.loads(await request.body())
    if not asked.get("stream"):
        await wait(READ_AHEAD_S)
        message = {"role": "assistant", "content": "。"}
        return JSONResponse(_completion("chat.completion", {"message": message, "finish_reason": "length"}))
    return StreamingResponse(_tokens(), media_type="text/event-stream")


async def _tokens() -> AsyncIterator[str]:
    await wait(FIRST_TOKEN_S)
    for start in range(0, len(ANSWER), TOKEN_CHARS):
        choice: dict[str, object] = {
            "delta": {"content": ANSWER[start : start + TOKEN_CHARS]},
            "finish_reason": None,
        }
        yield f"data: {json.dumps(_completion('chat.completion.chunk', choice))}\n\n"
        await wait(TOKEN_S)
    yield "data: [DONE]\n\n"


def _completion(kind: str, choice: dict[str, object]) -> dict[str, object]:
    return {"id": "c", "object": kind, "created": 0, "model": "stand-in", "choices": [{"index": 0, **choice}]}


async def speech(request: Request) -> Response:
    text = json.loads(await request.body())["input"]
    return StreamingResponse(_sound(min(20.0, SOUND_S * len(text))), media_type=f"audio/pcm;rate={RATE}")


async def _sound(seconds: float) -> AsyncIterator[bytes]:
    await wait(FIRST_SOUND_S)
    given, piece = 0.0, FIRST_PIECE_S
    while given < seconds:
        until = min(seconds, given + piece)
        yield _tone[_byte(given) : _byte(until)]
        await wait((until - given) / FASTER)
        given, piece = until, PIECE_S


def _byte(seconds: float) -> int:
    return round(seconds * RATE) * 2


async def embeddings(request: Request) -> Response:
    texts = json.loads(await request.body())["input"]
    await wait(EMBED_S)
    data = [
        {"object": "embedding", "index": index, "embedding": base64.b64encode(vector(text)).decode()}
        for index, text in enumerate([texts] if isinstance(texts, str) else texts)
    ]
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    return JSONResponse({"object": "list", "model": "stand-in", "data": data, "usage": usage})


def vector(text: str) -> bytes:
    """Return float32[512] of length 1: texts that share pairs of characters are near each other."""
    counts = np.zeros(DIMENSIONS, "<f4")
    for pair in zip(text, text[1:] + "。", strict=True):
        counts[zlib.crc32("".join(pair).encode()) % DIMENSIONS] += 1
    return (counts / max(1.0, float(np.linalg.norm(counts)))).astype("<f4").tobytes()


async def health(_: Request) -> Response:
    """Tell how late these engines were (ms), and begin to count anew."""
    late, _late[:] = sorted(_late), []
    p99 = late[int(len(late) * 0.99)] if late else 0.0
    return JSONResponse({"status": "ok", "late_p99_ms": p99, "late_max_ms": late[-1] if late else 0.0})


def create_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
            Route("/v1/audio/speech", speech, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), log_level="warning", access_log=False)
