"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from engines.local.base import LocalSTTEngine, TimedSTTEngine, Transcript, Utterance
from engines.server.errors import APIError, unsupported
from engines.server.queue import BatchLimit
from engines.server.requests import ready_stage, while_connected
from engines.server.stages import Stage
from engines.server.transcripts import FORMATS, TIMED_FORMATS, respond

logger = logging.getLogger(__name__)

MAX_BYTES = 25 * 2**20
# A caller's turn is 25 s at most. What is longer holds the line of all calls while it is heard.
MAX_SECONDS = 120.0
GRANULARITIES = ("segment", "word")
TRANSLATION_FIELDS = ("file", "model", "prompt", "response_format", "temperature")
TRANSCRIPTION_FIELDS = (*TRANSLATION_FIELDS, "language", "stream", "timestamp_granularities[]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for. ``translate``: in English."""

    translate: bool
    model: str
    language: str | None
    prompt: str
    response_format: str
    temperature: float
    stream: bool
    granularities: frozenset[str]

    @property
    def timed_by(self) -> str:
        """The field that asks for more than the text as calls get it; "" when none does."""
        if self.translate:
            return "model"
        if self.granularities:
            return "timestamp_granularities[]"
        if self.temperature:
            return "temperature"
        return "response_format" if self.response_format in TIMED_FORMATS else ""


async def transcriptions(request: Request) -> Response:
    """Return the text of an uploaded utterance, "" when nobody spoke; see docs/engines.md for the fields."""
    return await _hear(request, translate=False)


async def translations(request: Request) -> Response:
    """Return an uploaded utterance in English, where the engine translates."""
    return await _hear(request, translate=True)


async def _hear(request: Request, *, translate: bool) -> Response:
    began = time.perf_counter()
    async with request.form(max_files=1) as form:
        wanted = _wanted(form, translate=translate)
        stage = ready_stage(request, "stt", wanted.model)
        if wanted.timed_by and not isinstance(stage.engine, TimedSTTEngine):
            message = f"{wanted.timed_by}: {stage.model} gives the text alone, as json or text."
            raise APIError(400, message, "invalid_value", wanted.timed_by)
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise APIError(400, "file: send the audio as a multipart file.", "missing_file", "file")
        data = await upload.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise APIError(413, "file: larger than 25 MB.", "too_large", "file")
        name, content_type = upload.filename or "", upload.content_type or ""
    heard = await while_connected(request, _transcribe(stage, data, name, content_type, wanted))
    logger.info(
        "stt %s: %.2f s of audio, %d characters%s in %d ms",
        stage.model,
        heard.duration_s,
        len(heard.text),
        f" ({heard.rejected})" if heard.rejected else "",
        round((time.perf_counter() - began) * 1000),
    )
    task = "translate" if translate else "transcribe"
    return respond(heard, wanted.response_format, wanted.granularities, task, stream=wanted.stream)


def _wanted(form: FormData, *, translate: bool) -> Wanted:
    """Read the fields of a request, or raise the 400 that names the wrong one."""
    known = TRANSLATION_FIELDS if translate else TRANSCRIPTION_FIELDS
    for field in form:
        if field not in known:
            raise unsupported(field, known)
    kind = _one_of(form, "response_format", FORMATS) or "json"
    stream = _one_of(form, "stream", ("true", "false")) == "true"
    if stream and kind not in ("json", "text"):
        raise _invalid("stream", f"an answer as {kind} comes whole")
    granularities = frozenset(str(value) for value in form.getlist("timestamp_granularities[]"))
    if wrong := granularities - set(GRANULARITIES):
        raise _invalid("timestamp_granularities[]", f"{', '.join(wrong)} is not one of segment, word")
    if granularities and kind != "verbose_json":
        raise _invalid("timestamp_granularities[]", "only verbose_json has a place for times")
    return Wanted(
        translate=translate,
        model=_field(form, "model"),
        language=_field(form, "language").lower().partition("-")[0] or None,
        prompt=_field(form, "prompt"),
        response_format=kind,
        temperature=_temperature(form),
        stream=stream,
        granularities=granularities,
    )


def _temperature(form: FormData) -> float:
    try:
        value = float(_field(form, "temperature") or 0)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise _invalid("temperature", "a number from 0 to 1")
    return value


def _one_of(form: FormData, name: str, allowed: tuple[str, ...]) -> str:
    value = _field(form, name).lower()
    if value and value not in allowed:
        raise _invalid(name, f"must be one of {', '.join(allowed)}")
    return value


def _invalid(field: str, message: str) -> APIError:
    return APIError(400, f"{field}: {message}.", "invalid_value", field)


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


async def _transcribe(stage: Stage, data: bytes, name: str, content_type: str, wanted: Wanted) -> Transcript:
    """Decode beside the line, so that a bad or large upload keeps nobody waiting; hear in its turn."""
    from engines.local.audio_input import decode

    samples = await asyncio.to_thread(decode, data, name, content_type, MAX_SECONDS)
    utterance = Utterance(samples, wanted.language, wanted.prompt)
    if wanted.timed_by:
        timed: TimedSTTEngine = stage.engine
        return await stage.queue.run(
            lambda: timed.transcribe_timed(
                utterance,
                words="word" in wanted.granularities,
                temperature=wanted.temperature,
                translate=wanted.translate,
            )
        )
    engine: LocalSTTEngine = stage.engine
    limit = BatchLimit(items=engine.most_together, weight=engine.most_together)
    return await stage.queue.batched(utterance, engine.transcribe_many, limit)
