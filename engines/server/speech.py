"""``POST /v1/audio/speech``."""

from __future__ import annotations

import io
import logging
import time
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engines.local.base import TTS_SAMPLE_RATE, LocalTTSEngine
from engines.server.errors import APIError, parse
from engines.server.requests import ready_stage, while_connected

logger = logging.getLogger(__name__)

FORMATS = ("pcm", "wav")
BYTES_PER_S = TTS_SAMPLE_RATE * 2


class SpeechRequest(BaseModel):
    model: str = ""
    input: str = Field(min_length=1, max_length=4096)
    voice: str | None = None
    speed: float = 1.0
    response_format: str = "wav"


async def speech(request: Request) -> Response:
    """Speak ``input``: ``pcm`` is streamed piece by piece as it is made, ``wav`` comes whole.

    Both are 24 kHz s16le mono. A text without anything to say gives an empty body.
    """
    began = time.perf_counter()
    body = parse(SpeechRequest, await request.body())
    stage = ready_stage(request, "tts", body.model)
    if body.response_format not in FORMATS:
        raise APIError(
            400,
            f"response_format {body.response_format!r} is not made here; ask for {' or '.join(FORMATS)}.",
            "invalid_value",
            "response_format",
        )
    made = stage.queue.stream(_pieces(stage.engine, body))
    # Wrong arguments and a full queue must be answered before the status line has gone out.
    first = await while_connected(request, _first(made))
    pcm = _logged(first, made, f"tts {stage.model}: {len(body.input)} characters", began)
    if body.response_format == "wav":
        return Response(_wav(await while_connected(request, _join(pcm))), media_type="audio/wav")
    return StreamingResponse(pcm, media_type=f"audio/pcm;rate={TTS_SAMPLE_RATE}")


def _pieces(engine: LocalTTSEngine, body: SpeechRequest) -> Iterator[bytes]:
    """Put off even the reading of the text to the stage's thread."""
    yield from engine.pieces(body.input, body.voice, body.speed)


async def _first(made: AsyncIterator[bytes]) -> bytes:
    return await anext(made, b"")


async def _join(pcm: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pcm])


async def _logged(
    first: bytes, made: AsyncIterator[bytes], what: str, began: float
) -> AsyncGenerator[bytes, None]:
    """Yield all pieces and write the request's line, also when the client leaves half way."""
    first_ms = round((time.perf_counter() - began) * 1000)
    sent, complete = 0, False
    try:
        if first:
            sent = len(first)
            yield first
        async for piece in made:
            sent += len(piece)
            yield piece
        complete = True
    finally:
        logger.info(
            "%s, %.2f s of audio in %d ms, the first after %d ms%s",
            what,
            sent / BYTES_PER_S,
            round((time.perf_counter() - began) * 1000),
            first_ms,
            "" if complete else "; the client went away",
        )


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(TTS_SAMPLE_RATE)
        wav.writeframes(pcm)
    return file.getvalue()
