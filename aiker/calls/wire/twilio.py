"""Twilio Media Streams, both directions (``<Connect><Stream>``), and what Telnyx makes of them.

JSON text frames; audio is base64 in the codec that ``start`` announces, mu-law
8 kHz where it announces none. Liberal in what it takes, as callers in the field
are: ``connected`` may be missing, ``media`` may carry nothing but its payload,
payloads may have any length up to 5 s, base64 may lack its padding.
"""

from __future__ import annotations

import binascii
import json
from typing import Any

import orjson

from aiker.audio.codecs import Codec, CodecError, MuLaw, codec_of
from aiker.calls.wire.base import (
    BAD_CODEC,
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

MAX_MESSAGE = 128 * 1024
MAX_PAYLOAD = 40_000  # five seconds of mu-law
_SPACE_AND_URL = str.maketrans("-_", "+/", " \t\r\n")


class TwilioWire(Wire):
    """Speak Twilio Media Streams.

    Ignored: unknown events, the outbound track, text behind ``stop``.
    WireError: not JSON, binary, media before ``start``, without a payload or
    with one that is not base64 (BAD_MESSAGE); a codec that is not taken
    (BAD_CODEC); a message over 128 KiB (TOO_LARGE).
    """

    name = "twilio"

    def __init__(self) -> None:
        self._stream_sid = ""
        self._sid_json = '""'
        self._started = False
        self._stopped = False
        self._codec: Codec = MuLaw()

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
        payload = binascii.b2a_base64(self._codec.encode(frame), newline=False).decode("ascii")
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
        self._codec = _announced(start.get("mediaFormat") or start.get("media_format"))
        self._started = True
        named = message.get("streamSid") or start.get("streamSid") or message.get("stream_id")
        self._stream_sid = str(named or "")[:64]
        self._sid_json = json.dumps(self._stream_sid)
        parameters = start.get("customParameters")
        pairs = parameters.items() if isinstance(parameters, dict) else ()
        return [
            CallStarted(
                carrier_call_id=str(start.get("callSid") or start.get("call_control_id") or "")[:64],
                parameters={str(key)[:64]: str(value)[:256] for key, value in list(pairs)[:32]},
            )
        ]

    def _on_media(self, message: dict[str, Any]) -> list[WireInput]:
        if not self._started:
            raise WireError("media before start")
        media = _section(message, "media")
        if not str(media.get("track", "inbound")).startswith("inbound"):
            return []
        encoded = media.get("payload")
        if not isinstance(encoded, str):
            raise WireError("media without a payload")
        payload = self._codec.decode(_decoded(encoded))
        if len(payload) > MAX_PAYLOAD:
            raise WireError(f"a media payload of {len(payload) // 8} ms; at most {MAX_PAYLOAD // 8}")
        if not payload:
            return []
        return [AudioIn(payload, _number(media.get("timestamp")), _number(media.get("chunk")))]

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


def _decoded(encoded: str) -> bytes:
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        plain = encoded.translate(_SPACE_AND_URL).rstrip("=")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        raise WireError("a media payload that is not base64") from None


def _announced(described: Any) -> Codec:
    """Return the codec of Twilio's ``mediaFormat`` or Telnyx' ``media_format``."""
    if not isinstance(described, dict):
        return MuLaw()
    rate = described.get("sampleRate", described.get("sample_rate"))
    channels = described.get("channels")
    try:
        return codec_of(
            str(described.get("encoding") or "audio/x-mulaw"),
            None if rate in (None, "") else int(rate),
            1 if channels in (None, "") else int(channels),
        )
    except CodecError as exc:
        raise WireError(str(exc), BAD_CODEC) from None
    except (TypeError, ValueError, OverflowError):
        raise WireError(f"a media format of {str(described)[:80]}", BAD_CODEC) from None


def _number(value: Any) -> int | None:
    try:
        return int(value) if value is not None and 0 <= int(value) < 2**40 else None
    except (TypeError, ValueError, OverflowError):
        return None
