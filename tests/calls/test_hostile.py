"""Malformed and hostile messages end clearly or are ignored, and the server serves on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

from aiker.calls import tokens
from tests.calls.conftest import Web

pytestmark = pytest.mark.models  # silero-vad listens in every call

START = {
    "event": "start",
    "streamSid": "MZ1",
    "start": {
        "callSid": "CA1",
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}
SILENCE = base64.b64encode(b"\xff" * 160).decode()


def media(payload: Any = SILENCE, **fields: Any) -> dict[str, Any]:
    return {"event": "media", "streamSid": "MZ1", "media": {"payload": payload, **fields}}


def start(**fields: Any) -> dict[str, Any]:
    return {**START, "start": {**START["start"], **fields}}  # type: ignore[dict-item]


IGNORED: dict[str, list[Any]] = {
    "unknown event": [START, {"event": "dance"}],
    "event of another type": [START, {"event": ["media"]}],
    "no event": [START, {}],
    "start twice": [START, START],
    "connected twice": [{"event": "connected"}, {"event": "connected"}, START],
    "connected missing": [START],
    "media with nothing but its payload": [START, media()],
    "empty payload": [START, media("")],
    "mu-law in capitals": [start(mediaFormat={"encoding": "audio/X-MULAW", "sampleRate": 8000})],
    "codec PCMA": [start(mediaFormat=None, media_format={"encoding": "PCMA", "sample_rate": 8000})],
    "codec L16": [start(mediaFormat={"encoding": "audio/l16", "sampleRate": 16000})],
    "payload of one byte": [START, media("/w==")],
    "outbound track": [START, media(track="outbound")],
    "timestamp that is no number": [START, media(timestamp="soon")],
    "negative timestamp": [START, media(timestamp="-5")],
    "huge timestamp": [START, media(timestamp="9" * 400)],
    "unknown mark": [START, {"event": "mark", "mark": {"name": "never sent"}}],
    "mark whose name is a number": [START, {"event": "mark", "mark": {"name": 7}}],
    "dtmf of two digits": [START, {"event": "dtmf", "dtmf": {"digit": "12"}}],
    "dtmf of a strange character": [START, {"event": "dtmf", "dtmf": {"digit": "💥"}}],
    "parameters that are no object": [start(customParameters="x")],
    "format that is no object": [start(mediaFormat="mulaw")],
    "five hundred parameters": [start(customParameters={str(i): "x" * 900 for i in range(60)})],
}

TWO_SECONDS = base64.b64encode(b"\xff" * 16000).decode()

# bad_messages: one of them is a carrier's slip, and costs no call.
PASSED_OVER: dict[str, list[Any]] = {
    "not JSON": ["hello"],
    "half a message": ['{"event":"media"'],
    "empty text": [""],
    "a JSON number": ["5"],
    "a JSON list": ["[1]"],
    "nested sixty thousand deep": ["[" * 60_000],
    "binary where text belongs": [b"\xff" * 160],
    "media without its object": [{"event": "media"}],
    "media without a payload": [{"event": "media", "media": {"track": "inbound"}}],
    "payload that is no string": [media(5)],
    "payload that is not base64": [media("*** not base64 ***")],
    "base64 without padding": [media(SILENCE.rstrip("="))],
    "base64 with a newline": [media(SILENCE + "\n")],
    "dtmf without its object": [{"event": "dtmf"}],
    "mark without its object": [{"event": "mark"}],
    "two seconds of audio in one message": [media(TWO_SECONDS)],
    "six seconds of audio in one message": [media(base64.b64encode(b"\xff" * 48_000).decode())],
    "every message twice": [m for n in range(200) for m in [media(chunk=str(n), timestamp=str(20 * n))] * 2],
}

CLOSED: dict[str, tuple[list[Any], int]] = {
    "a flood of what is not JSON": ([START, *["hello"] * 300], 4400),
    "a flood of payloads that are not base64": ([START, *[media("***")] * 300], 4400),
    "a flood before the start": ([media()] * 300, 4400),
    "a frame of 200 kB": ([START, media("A" * 200_000)], 4413),
    "codec opus": ([start(mediaFormat={"encoding": "audio/opus", "sampleRate": 48000})], 4415),
    "mu-law at 16 kHz": ([start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000})], 4415),
    "a sample rate that is no number": ([start(mediaFormat={"encoding": "PCMU", "sampleRate": []})], 4415),
    "a minute of audio in one second": (
        [START, *[media(base64.b64encode(b"\x10" * 8000).decode())] * 60],
        4429,
    ),
}


async def send(socket: Any, messages: list[Any]) -> None:
    for message in messages:
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))


async def drain(socket: Any) -> None:
    async for _message in socket:
        pass


async def alive(web: Web) -> None:
    """Place a proper call and hear from the server that it stops."""
    async with asyncio.timeout(20), connect(web.call_url()) as socket:
        await send(socket, [START, media(), {"event": "stop", "stop": {}}, {"event": "stop"}])
        await drain(socket)
    assert socket.close_code == 1000


@pytest.mark.parametrize("name", IGNORED)
async def test_what_the_protocol_allows_is_ignored(web: Web, name: str) -> None:
    async with asyncio.timeout(20), connect(web.call_url()) as socket:
        await send(socket, [*IGNORED[name], media() if name != "no event" else {}])
        await send(socket, [{"event": "stop", "stop": {}}])
        await drain(socket)
    assert socket.close_code == 1000


@pytest.mark.parametrize("name", PASSED_OVER)
async def test_one_bad_message_is_passed_over(web: Web, name: str) -> None:
    """bad_messages, repeated_frames"""
    async with asyncio.timeout(20), connect(web.call_url()) as socket:
        await send(socket, [START, media(), *PASSED_OVER[name], media()])
        await send(socket, [{"event": "stop", "stop": {}}])
        await drain(socket)
    assert socket.close_code == 1000


@pytest.mark.parametrize("name", ["media before start", "start without its object"])
async def test_a_call_may_begin_after_a_bad_message(web: Web, name: str) -> None:
    first = media() if name == "media before start" else {"event": "start"}
    async with asyncio.timeout(20), connect(web.call_url()) as socket:
        await send(socket, [first, START, media(), {"event": "stop", "stop": {}}])
        await drain(socket)
    assert socket.close_code == 1000


@pytest.mark.parametrize("name", CLOSED)
async def test_what_breaks_the_protocol_closes_with_a_code_and_one_line(web: Web, name: str) -> None:
    messages, code = CLOSED[name]
    before = web.log.count("closed:")
    async with asyncio.timeout(20), connect(web.call_url(), max_size=None) as socket:
        try:
            await send(socket, messages)
            await drain(socket)
        except websockets.ConnectionClosed:
            pass  # closed while still sending
    assert socket.close_code == code
    await alive(web)
    assert web.log.count("closed:") == before + 1
    assert "Traceback" not in web.log


async def test_a_frame_of_2_mb_ends_the_call(web: Web) -> None:
    async with asyncio.timeout(20), connect(web.call_url(), max_size=None) as socket:
        with contextlib.suppress(websockets.ConnectionClosedError):  # maybe before all of it is sent
            await send(socket, [START, media("A" * 2_000_000)])
            await drain(socket)
    # Daphne drops a connection that sends over 1 MB before the application sees the frame.
    assert socket.close_code == (1006 if web.server == "daphne" else 4413)
    await alive(web)


@pytest.mark.parametrize(
    ("slug", "token"),
    [
        ("anna", ""),
        ("anna", "wrong"),
        ("anna", tokens.issue("berta")),
        ("anna", "x" * 5000),
        ("nobody", "a-token-for-tests"),
        ("nobody", ""),
    ],
    ids=["none", "wrong", "of another assistant", "long", "unknown assistant", "neither"],
)
async def test_a_call_without_its_token_is_refused_before_it_is_accepted(
    web: Web, slug: str, token: str
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with connect(web.call_url(slug, token)):
            pass
    assert refusal.value.response.status_code == 403


async def test_an_unknown_address_is_refused_without_a_traceback(web: Web) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with connect(f"{web.url}/ws/other/"):
            pass
    assert "Traceback" not in web.log


async def test_the_token_may_be_a_part_of_the_path(web: Web) -> None:
    async with asyncio.timeout(20), connect(f"{web.url}/ws/twilio/anna/a-token-for-tests/") as socket:
        await send(socket, [START, {"event": "stop", "stop": {}}])
        await drain(socket)
    assert socket.close_code == 1000


async def test_the_softphone_is_told_why_it_is_refused(web: Web) -> None:
    async with asyncio.timeout(20), connect(web.call_url(token="wrong", wire="softphone")) as socket:
        with pytest.raises(websockets.ConnectionClosedError):
            await socket.recv()
    assert socket.close_code == 4401
