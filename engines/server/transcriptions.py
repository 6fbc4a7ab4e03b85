"""``POST /v1/audio/transcriptions``."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from engines.local.base import LocalSTTEngine, Transcript, Utterance
from engines.server.errors import APIError
from engines.server.queue import BatchLimit
from engines.server.requests import ready_stage, while_connected
from engines.server.stages import Stage

logger = logging.getLogger(__name__)

FORMATS = ("json", "text", "verbose_json")
MAX_BYTES = 25 * 2**20
# A caller's turn is 25 s at most. What is longer holds the line of all calls while it is heard.
MAX_SECONDS = 120.0


async def transcriptions(request: Request) -> Response:
    """Return the text of an uploaded utterance: multipart ``file``, ``model``, ``language``, ``prompt``,
    ``response_format`` (json, text, verbose_json) and ``stream``. ``text`` is "" when nobody spoke.
    """
    began = time.perf_counter()
    async with request.form(max_files=1) as form:
        stage = ready_stage(request, "stt", _field(form, "model"))
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise APIError(400, "file: send the audio as a multipart file.", "missing_file", "file")
        data = await upload.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise APIError(413, "file: larger than 25 MB.", "too_large", "file")
        kind = _field(form, "response_format") or "json"
        if kind not in FORMATS:
            raise APIError(
                400,
                f"response_format must be one of {', '.join(FORMATS)}.",
                "invalid_value",
                "response_format",
            )
        language = _field(form, "language").lower().partition("-")[0] or None
        prompt, stream = _field(form, "prompt"), _field(form, "stream").lower() == "true"
        name, content_type = upload.filename or "", upload.content_type or ""
    heard = await while_connected(request, _transcribe(stage, data, name, content_type, language, prompt))
    logger.info(
        "stt %s: %.2f s of audio, %d characters%s in %d ms",
        stage.model,
        heard.duration_s,
        len(heard.text),
        f" ({heard.rejected})" if heard.rejected else "",
        round((time.perf_counter() - began) * 1000),
    )
    return _respond(heard, kind, stream)


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


async def _transcribe(
    stage: Stage, data: bytes, name: str, content_type: str, language: str | None, prompt: str
) -> Transcript:
    """Decode beside the line, so that a bad or large upload keeps nobody waiting; hear in its turn."""
    from engines.local.audio_input import decode

    samples = await asyncio.to_thread(decode, data, name, content_type, MAX_SECONDS)
    engine: LocalSTTEngine = stage.engine
    limit = BatchLimit(items=engine.most_together, weight=engine.most_together)
    return await stage.queue.batched(Utterance(samples, language, prompt), engine.transcribe_many, limit)


def _respond(heard: Transcript, kind: str, stream: bool) -> Response:
    if stream:
        return StreamingResponse(_events(heard.text), media_type="text/event-stream")
    if kind == "text":
        return PlainTextResponse(heard.text + "\n")
    if kind == "json":
        return JSONResponse({"text": heard.text} | _certainty(heard))
    return JSONResponse(_verbose(heard))


async def _events(text: str) -> AsyncIterator[str]:
    """The whole text as one delta: this engine hears an utterance at once."""
    if text:
        yield _event({"type": "transcript.text.delta", "delta": text})
    yield _event({"type": "transcript.text.done", "text": text})


def _event(data: dict[str, str]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _certainty(heard: Transcript) -> dict[str, float]:
    """What calls keep of a transcript; clients of the OpenAI API pass over what they do not know."""
    if not heard.text:
        return {}
    return {"avg_logprob": heard.avg_logprob, "no_speech_prob": heard.no_speech_prob}


def _verbose(heard: Transcript) -> dict[str, Any]:
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": round(heard.duration_s, 3),
        "text": heard.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": heard.avg_logprob,
        "compression_ratio": heard.compression_ratio,
        "no_speech_prob": heard.no_speech_prob,
    }
    return {
        "task": "transcribe",
        "language": heard.language,
        "duration": round(heard.duration_s, 3),
        "text": heard.text,
        "segments": [segment] if heard.text else [],
        "rejected": heard.rejected,
    }
