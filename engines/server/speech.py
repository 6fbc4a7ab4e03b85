"""``POST /v1/audio/speech``."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import time
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engines.local.base import TTS_SAMPLE_RATE, LocalTTSEngine
from engines.server.audio_encoding import ENCODED, Encoder
from engines.server.errors import Strict, StrictRequest, parse
from engines.server.requests import ready_stage, while_connected

logger = logging.getLogger(__name__)

BYTES_PER_S = TTS_SAMPLE_RATE * 2


class VoiceID(Strict):
    id: str


class SpeechRequest(StrictRequest):
    model: str = ""
    input: str = Field(min_length=1, max_length=4096)
    voice: str | VoiceID | None = None
    speed: float = 1.0
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: Annotated[str, Field(max_length=0)] = ""  # no voice here takes any

    @property
    def speaker(self) -> str | None:
        return self.voice.id if isinstance(self.voice, VoiceID) else self.voice


async def speech(request: Request) -> Response:
    """Speak ``input``, sent piece by piece as it is made; ``wav``, whose length stands first, comes whole.

    All formats are mono at 24 kHz (``opus`` at 48), ``pcm`` is s16le. ``stream_format`` ``sse`` sends the
    same bytes in events. A text without anything to say gives an empty body.
    """
    began = time.perf_counter()
    body = parse(SpeechRequest, await request.body())
    stage = ready_stage(request, "tts", body.model)
    made = stage.queue.stream(_pieces(stage.engine, body))
    # Wrong arguments and a full queue must be answered before the status line has gone out.
    first = await while_connected(request, _first(made))
    pcm = _logged(first, made, f"tts {stage.model}: {len(body.input)} characters", began)
    if body.response_format == "wav":
        sent: AsyncGenerator[bytes, None] = _once(_wav(await while_connected(request, _join(pcm))))
        media_type = "audio/wav"
    elif body.response_format == "pcm":
        sent, media_type = pcm, f"audio/pcm;rate={TTS_SAMPLE_RATE}"
    else:
        sent, media_type = _encoded(pcm, body.response_format), ENCODED[body.response_format].media_type
    if body.stream_format == "sse":
        return StreamingResponse(_events(sent), media_type="text/event-stream")
    return StreamingResponse(sent, media_type=media_type)


def _pieces(engine: LocalTTSEngine, body: SpeechRequest) -> Iterator[bytes]:
    """Put off even the reading of the text to the stage's thread."""
    yield from engine.pieces(body.input, body.speaker, body.speed)


async def _encoded(pcm: AsyncGenerator[bytes, None], name: str) -> AsyncGenerator[bytes, None]:
    """Encode beside the event loop, which has other requests; nothing of an empty speech."""
    encoder: Encoder | None = None
    async with aclosing(pcm):
        async for piece in pcm:
            encoder = encoder or Encoder(name)
            if data := await asyncio.to_thread(encoder.encode, piece):
                yield data
    if encoder:
        yield await asyncio.to_thread(encoder.close)


async def _events(sent: AsyncGenerator[bytes, None]) -> AsyncGenerator[str, None]:
    """Send audio as OpenAI's clients read it from events."""
    async with aclosing(sent):
        async for data in sent:
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})
    yield _event({"type": "speech.audio.done"})


def _event(data: dict[str, str]) -> str:
    return f"data: {json.dumps(data)}\n\n"


async def _once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


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
