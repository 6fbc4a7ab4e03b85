"""The browser softphone: binary frames are mu-law 8 kHz, text frames JSON.

Besides audio it carries every event of the call, which the page shows.
"""

from __future__ import annotations

import json

from aiker.calls.events import Event
from aiker.calls.wire.base import (
    TOO_LARGE,
    AudioIn,
    CallStopped,
    DtmfIn,
    MarkReached,
    Message,
    Wire,
    WireError,
    WireInput,
)

MAX_PAYLOAD = 8000
MOST_LOST_MS = 60_000


class SoftphoneWire(Wire):
    """Speak with Aiker's own page; the call starts with the socket."""

    name = "softphone"
    explains_refusal = True
    starts_itself = True

    def receive(self, *, text: str | None = None, data: bytes | None = None) -> list[WireInput]:
        if data is not None:
            if len(data) > MAX_PAYLOAD:
                raise WireError(f"an audio frame of {len(data)} bytes; at most {MAX_PAYLOAD}", TOO_LARGE)
            return [AudioIn(data)] if data else []
        try:
            message = json.loads(text or "")
        except (ValueError, RecursionError):
            raise WireError("a message that is not JSON") from None
        match message:
            case {"event": "mark", "name": str(name)}:
                return [MarkReached(name)]
            case {"event": "dtmf", "digit": str(digit)} if len(digit) == 1 and digit in "0123456789*#":
                return [DtmfIn(digit)]
            case {"event": "lost", "ms": int(ms)} if ms > 0:
                return [AudioIn(b"", lost_ms=min(ms, MOST_LOST_MS))]
            case {"event": "hangup"}:
                return [CallStopped()]
        return []

    def audio(self, frame: bytes) -> Message:
        return frame

    def mark(self, name: str) -> Message:
        return json.dumps({"event": "mark", "name": name})

    def clear(self) -> Message:
        return '{"event":"clear"}'

    def event(self, event: Event) -> Message | None:
        return json.dumps(event.as_dict(), ensure_ascii=False)
