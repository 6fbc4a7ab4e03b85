"""What carriers tell of audio that did not arrive."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from aiker.calls.wire.base import AudioIn
from aiker.calls.wire.softphone import SoftphoneWire
from aiker.calls.wire.twilio import TwilioWire

FRAME = b"\xff" * 160  # 20 ms


def media(timestamp: Any) -> str:
    payload = base64.b64encode(FRAME).decode()
    return json.dumps({"event": "media", "media": {"payload": payload, "timestamp": timestamp}})


@pytest.mark.parametrize(
    ("timestamps", "lost"),
    [
        (["5", "25", "45"], [0, 0, 0]),
        (["5", "25", "545", "565"], [0, 0, 500, 0]),
        (["5", None, "545"], [0, 0, 0]),
        (["500", "20"], [0, 0]),
    ],
    ids=["none", "some", "not told", "backwards"],
)
def test_stream_time_tells_what_was_lost(timestamps: list[Any], lost: list[int]) -> None:
    wire = TwilioWire()
    wire.receive(text=json.dumps({"event": "start", "streamSid": "MZ1", "start": {}}))
    heard = [item for timestamp in timestamps for item in wire.receive(text=media(timestamp))]
    assert heard == [AudioIn(FRAME, lost_ms) for lost_ms in lost]


@pytest.mark.parametrize(("told", "heard"), [(1500, [AudioIn(b"", 1500)]), (-5, []), ("all", [])])
def test_the_softphone_tells_what_it_dropped(told: Any, heard: list[AudioIn]) -> None:
    assert SoftphoneWire().receive(text=json.dumps({"event": "lost", "ms": told})) == heard
