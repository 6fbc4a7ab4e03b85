"""What carriers tell of audio that did not arrive."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.wire.base import AudioIn
from aiker.calls.wire.softphone import SoftphoneWire
from aiker.calls.wire.twilio import TwilioWire

FRAME = b"\xff" * 160  # 20 ms
LOUD = b"\x10" * 160


def media(**fields: Any) -> str:
    return json.dumps({"event": "media", "media": {"payload": base64.b64encode(FRAME).decode(), **fields}})


def started(**start: Any) -> TwilioWire:
    wire = TwilioWire()
    wire.receive(text=json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
    return wire


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"timestamp": "25", "chunk": "2"}, (25, 2)),
        ({"timestamp": 25}, (25, None)),
        ({"timestamp": "soon", "chunk": "-1"}, (None, None)),
        ({}, (None, None)),
    ],
    ids=["all", "a number", "nonsense", "none"],
)
def test_the_numbers_of_a_stream_are_handed_on(
    told: dict[str, Any], known: tuple[int | None, int | None]
) -> None:
    assert started().receive(text=media(**told)) == [AudioIn(FRAME, *known)]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(base64.b64encode(FRAME).decode().rstrip("="), id="no padding"),
        pytest.param(base64.encodebytes(FRAME).decode(), id="newlines"),
        pytest.param(base64.urlsafe_b64encode(FRAME).decode(), id="of URLs"),
    ],
)
def test_base64_in_any_dress_is_read(payload: str) -> None:
    """bad_messages"""
    assert started().receive(text=media(payload=payload)) == [AudioIn(FRAME)]


@pytest.mark.parametrize(
    "announced",
    [
        {"mediaFormat": {"encoding": "audio/x-alaw", "sampleRate": 8000, "channels": 1}},
        {"media_format": {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}},
    ],
    ids=["twilio", "telnyx"],
)
def test_the_announced_codec_is_heard_and_spoken(announced: dict[str, Any]) -> None:
    """codecs"""
    wire = started(**announced)
    (heard,) = wire.receive(text=media(payload=base64.b64encode(g711.to_alaw(LOUD)).decode()))
    assert isinstance(heard, AudioIn)
    assert np.abs(g711.decode(heard.payload).astype(int) - g711.decode(LOUD)).max() <= 1024
    spoken = json.loads(wire.audio(LOUD))["media"]["payload"]
    assert base64.b64decode(spoken) == g711.to_alaw(LOUD)


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (1500, [AudioIn(b"", lost_ms=1500)]),
        (10**9, [AudioIn(b"", lost_ms=60_000)]),
        (-5, []),
        ("all", []),
    ],
)
def test_the_softphone_tells_what_it_dropped(told: Any, heard: list[AudioIn]) -> None:
    assert SoftphoneWire().receive(text=json.dumps({"event": "lost", "ms": told})) == heard
