"""A transcript in each of the formats that clients of the OpenAI API ask for.

::

    respond(transcript, "srt", granularities=frozenset(), task="transcribe", stream=False)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from engines.local.base import Segment, Transcript

FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
TIMED_FORMATS = ("verbose_json", "srt", "vtt")


def respond(
    heard: Transcript, kind: str, granularities: Collection[str], task: str, *, stream: bool
) -> Response:
    """Return the response; ``verbose_json`` lists the ``granularities`` (segment, word), else segments."""
    if stream:
        return StreamingResponse(_events(heard.text), media_type="text/event-stream")
    match kind:
        case "text":
            return PlainTextResponse(heard.text + "\n")
        case "json":
            return JSONResponse({"text": heard.text} | _certainty(heard))
        case "srt":
            return PlainTextResponse(srt(heard.segments), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(heard.segments), media_type="text/vtt")
    return JSONResponse(_verbose(heard, granularities or ("segment",), task))


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


def _verbose(heard: Transcript, granularities: Collection[str], task: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": task,
        "language": heard.language,
        "duration": round(heard.duration_s, 3),
        "text": heard.text,
        "rejected": heard.rejected,
    }
    if "segment" in granularities:
        found["segments"] = [_segment(number, segment) for number, segment in enumerate(heard.segments)]
    if "word" in granularities:
        found["words"] = [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            for segment in heard.segments
            for word in segment.words
        ]
    return found


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def srt(segments: Collection[Segment]) -> str:
    """Return segments as SubRip subtitles."""
    cues = (
        f"{number}\n{_clock(segment.start_s, ',')} --> {_clock(segment.end_s, ',')}\n{segment.text.strip()}\n"
        for number, segment in enumerate(segments, start=1)
    )
    return "\n".join(cues)


def vtt(segments: Collection[Segment]) -> str:
    """Return segments as WebVTT."""
    cues = (
        f"{_clock(segment.start_s, '.')} --> {_clock(segment.end_s, '.')}\n{segment.text.strip()}\n"
        for segment in segments
    )
    return "\n".join(["WEBVTT\n", *cues])


def _clock(seconds: float, point: str) -> str:
    """Return a time as subtitles have it: 00:01:02,345."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{whole:02}{point}{milliseconds:03}"
