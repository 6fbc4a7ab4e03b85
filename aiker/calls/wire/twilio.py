"""Twilio Media Streams, both directions (``<Connect><Stream>``).

JSON text frames; audio is base64 of raw mu-law 8 kHz. Liberal in what it
takes, as callers in the field are: ``connected`` may be missing, ``media``
may carry nothing but its payload, payloads may have any length.
"""

from __future__ import annotations

import binascii
import json
from typing import Any

import orjson

from aiker.calls.wire.base import (
    TOO_LARGE,
    AudioIn,
    CallStarted,
    CallStopped,
    DtmfIn,
    MarkReached,
    Message,
    Wire,
    WireError,
    WireInput,
)

MAX_MESSAGE = 64 * 1024
MAX_PAYLOAD = 8000  # one second
_BYTES_PER_MS = 8


class TwilioWire(Wire):
    """Speak Twilio Media Streams.

    Ignored: unknown events, the outbound track, text behind ``stop``.
    WireError: not JSON, media before ``start``, a codec other than mu-law
    8 kHz, a payload that is not base64, a message over 64 KiB.
    """

    name = "twilio"

    def __init__(self) -> None:
        self._stream_sid = ""
        self._sid_json = '""'
        self._started = False
        self._stopped = False
        self._expected_ms: int | None = None  # where the next audio begins in stream time

    def receive(self, *, text: str | None = None, data: bytes | None = None) -> list[WireInput]:
        if self._stopped:
            return []
        if text is None:
            size = len(data or b"")
            raise WireError(f"a binary frame of {size} bytes where Twilio sends JSON text")
        if len(text) > MAX_MESSAGE:
            raise WireError(f"a message of {len(text)} characters; at most {MAX_MESSAGE}", TOO_LARGE)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise WireError("a message that is not JSON") from None
        if not isinstance(message, dict):
            raise WireError("a message that is not a JSON object")
        handler = _HANDLERS.get(str(message.get("event")))
        return handler(self, message) if handler else []

    def audio(self, frame: bytes) -> Message:
        payload = binascii.b2a_base64(frame, newline=False).decode("ascii")
        # Both parts are plain ASCII without quotes, so building the text by hand is safe, and 5 times faster.
        return f'{{"event":"media","streamSid":{self._sid_json},"media":{{"payload":"{payload}"}}}}'

    def mark(self, name: str) -> Message:
        return json.dumps({"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}})

    def clear(self) -> Message:
        return json.dumps({"event": "clear", "streamSid": self._stream_sid})

    def _on_start(self, message: dict[str, Any]) -> list[WireInput]:
        if self._started:
            return []
        start = _section(message, "start")
        media_format = start.get("mediaFormat")
        if isinstance(media_format, dict):
            encoding, rate = media_format.get("encoding"), media_format.get("sampleRate")
            if encoding not in (None, "audio/x-mulaw") or str(rate or 8000) != "8000":
                raise WireError(f"codec {encoding} at {rate} Hz; Aiker takes audio/x-mulaw at 8000 Hz")
        self._started = True
        self._stream_sid = str(message.get("streamSid") or start.get("streamSid") or "")[:64]
        self._sid_json = json.dumps(self._stream_sid)
        parameters = start.get("customParameters")
        pairs = parameters.items() if isinstance(parameters, dict) else ()
        return [
            CallStarted(
                carrier_call_id=str(start.get("callSid") or "")[:64],
                parameters={str(key)[:64]: str(value)[:256] for key, value in list(pairs)[:32]},
            )
        ]

    def _on_media(self, message: dict[str, Any]) -> list[WireInput]:
        if not self._started:
            raise WireError("media before start")
        media = _section(message, "media")
        if media.get("track", "inbound") != "inbound":
            return []
        encoded = media.get("payload")
        if not isinstance(encoded, str):
            raise WireError("media without a payload")
        try:
            payload = binascii.a2b_base64(encoded, strict_mode=True)
        except ValueError:
            raise WireError("a media payload that is not base64") from None
        if len(payload) > MAX_PAYLOAD:
            raise WireError(f"a media payload of {len(payload)} bytes; at most {MAX_PAYLOAD}", TOO_LARGE)
        return [AudioIn(payload, self._lost_before(payload, media.get("timestamp")))] if payload else []

    def _lost_before(self, payload: bytes, timestamp: Any) -> int:
        at_ms, expected = _milliseconds(timestamp), self._expected_ms
        self._expected_ms = None if at_ms is None else at_ms + len(payload) // _BYTES_PER_MS
        return 0 if at_ms is None or expected is None else max(0, at_ms - expected)

    def _on_dtmf(self, message: dict[str, Any]) -> list[WireInput]:
        digit = str(_section(message, "dtmf").get("digit"))
        valid = len(digit) == 1 and digit in "0123456789*#ABCD"
        return [DtmfIn(digit)] if valid else []

    def _on_mark(self, message: dict[str, Any]) -> list[WireInput]:
        name = _section(message, "mark").get("name")
        return [MarkReached(name)] if isinstance(name, str) else []

    def _on_stop(self, message: dict[str, Any]) -> list[WireInput]:  # noqa: ARG002
        self._stopped = True
        return [CallStopped()]


_HANDLERS = {
    "start": TwilioWire._on_start,
    "media": TwilioWire._on_media,
    "dtmf": TwilioWire._on_dtmf,
    "mark": TwilioWire._on_mark,
    "stop": TwilioWire._on_stop,
}


def _section(message: dict[str, Any], name: str) -> dict[str, Any]:
    section = message.get(name)
    if not isinstance(section, dict):
        raise WireError(f"a {name} message without its {name} object")
    return section


def _milliseconds(value: Any) -> int | None:
    try:
        return int(value) if value is not None and 0 <= int(value) < 2**40 else None
    except (TypeError, ValueError, OverflowError):
        return None
