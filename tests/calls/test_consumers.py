"""The way into a call: how many there may be, who leaves on the way, and what is kept of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings

from aiker.calls import consumers, lines, lost_calls
from aiker.calls.consumers import NO_START, TOO_MANY, UNKNOWN_ASSISTANT, CallConsumer
from aiker.calls.lost_calls import MOST_A_MINUTE, LostCalls
from aiker.calls.models import Assistant, Call
from aiker.calls.routing import websocket_urlpatterns
from aiker.calls.wire.base import BAD_CODEC, TWICE
from tests.calls.scripted import StandInEngines, call_engines

pytestmark = pytest.mark.django_db(transaction=True)

ANNA = "/ws/twilio/anna/"


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Any:
    Assistant.objects.create(slug="anna", name="安娜", greeting="")
    monkeypatch.setattr(settings.AIKER, "max_calls", 1)
    monkeypatch.setattr(consumers.tokens, "admits", lambda _token, _assistant: True)
    monkeypatch.setattr(consumers, "open_engines", lambda _plan: call_engines(StandInEngines()))
    monkeypatch.setattr(CallConsumer, "lost", LostCalls())
    return URLRouter(websocket_urlpatterns)


async def opened(application: Any) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(application, ANNA)
    assert (await socket.connect(timeout=20))[0]
    return socket


async def begin(socket: WebsocketCommunicator, call_sid: str = "", **start: Any) -> None:
    await socket.send_to(text_data=json.dumps({"event": "start", "start": {"callSid": call_sid, **start}}))


async def close_code(socket: WebsocketCommunicator) -> int:
    while (message := await socket.receive_output(timeout=20))["type"] != "websocket.close":
        pass
    await socket.disconnect(code=1006)
    return int(message["code"])


async def rows() -> list[tuple[str, str]]:
    """Return how each call ended, oldest first."""
    await CallConsumer.lost.stored()
    ends = Call.objects.order_by("started_at").values_list("end_reason", "end_detail")
    return [end async for end in ends]


def nobody_left() -> bool:
    return not CallConsumer.live and not CallConsumer.lines.waiting


async def test_calls_that_begin_together_are_not_more_than_there_may_be(application: Any) -> None:
    sockets = [await opened(application) for _ in range(3)]
    for socket in sockets:
        await begin(socket)
    assert [await close_code(socket) for socket in sockets[1:]] == [TOO_MANY] * 2
    late = WebsocketCommunicator(application, ANNA)
    assert await late.connect(timeout=20) == (False, TOO_MANY)
    await sockets[0].disconnect()
    assert nobody_left()
    assert sorted(reason for reason, _ in await rows()) == ["hung_up"] + ["refused"] * 3


async def test_sockets_that_never_start_hold_no_line(application: Any) -> None:
    """lines_held"""
    silent = [await opened(application) for _ in range(8)]
    caller = await opened(application)
    await begin(caller, "CA1")
    await caller.send_to(text_data=json.dumps({"event": "stop", "stop": {}}))
    assert await close_code(caller) == 1000
    for socket in silent:
        await socket.disconnect()
    assert nobody_left()


async def test_the_socket_that_waits_longest_gives_way(
    application: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lines_held"""
    monkeypatch.setattr(lines, "LEAST_WAITING", 2)
    sockets = [await opened(application) for _ in range(3)]
    assert await close_code(sockets[0]) == NO_START
    for socket in sockets[1:]:
        await socket.disconnect()
    assert nobody_left()
    assert [reason for reason, _ in await rows()] == ["not_started"] * 3


async def test_a_socket_without_a_start_is_closed(application: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """lost_before_start"""
    monkeypatch.setattr(consumers, "START_WITHIN_S", 0.05)
    assert await close_code(await opened(application)) == NO_START
    ((reason, detail),) = await rows()
    assert (reason, "no start" in detail) == ("not_started", True)
    assert nobody_left()


async def test_a_call_that_dies_before_its_start_leaves_one_row(application: Any) -> None:
    """lost_before_start"""
    socket = await opened(application)
    await socket.send_to(text_data=json.dumps({"event": "connected"}))
    await socket.disconnect(code=1006)
    ((reason, detail),) = await rows()
    assert (reason, "1006" in detail) == ("not_started", True)
    assert await Call.objects.filter(assistant__slug="anna").acount() == 1


async def test_a_refused_call_leaves_a_row_with_its_reason(application: Any) -> None:
    """lost_before_start"""
    socket = WebsocketCommunicator(application, "/ws/twilio/nobody/")
    assert await socket.connect(timeout=20) == (False, UNKNOWN_ASSISTANT)
    assert await rows() == [("refused", "no active assistant of that name")]


async def test_a_second_socket_of_a_live_call_is_refused(application: Any, monkeypatch: Any) -> None:
    """twice"""
    monkeypatch.setattr(settings.AIKER, "max_calls", 4)
    first, second = await opened(application), await opened(application)
    await begin(first, "CA7")
    await first.send_to(text_data=json.dumps({"event": "mark", "mark": {"name": "x"}}))
    await begin(second, "CA7")
    assert await close_code(second) == TWICE
    assert len(CallConsumer.live) == 1
    await first.disconnect()
    again = await opened(application)
    await begin(again, "CA7")  # the first is over
    await asyncio.sleep(0.05)
    assert len(CallConsumer.live) == 1
    await again.disconnect()
    ends = dict(await rows())
    assert "CA7" in ends["refused"]
    assert await Call.objects.filter(carrier_call_id="CA7").acount() == 3


async def test_a_codec_that_is_not_taken_is_refused_with_its_name(application: Any) -> None:
    """codecs"""
    socket = await opened(application)
    await begin(socket, "CA8", mediaFormat={"encoding": "audio/opus", "sampleRate": 48000})
    assert await close_code(socket) == BAD_CODEC
    ((reason, detail),) = await rows()
    assert (reason, "audio/opus at 48000 Hz" in detail) == ("refused", True)


async def test_a_flood_of_refusals_does_not_fill_the_database(
    application: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MOST_A_MINUTE + 10):
        socket = WebsocketCommunicator(application, "/ws/twilio/nobody/")
        await socket.connect(timeout=20)
    assert len(await rows()) <= MOST_A_MINUTE + 2
    monkeypatch.setattr(lost_calls.Allowance, "take", lambda *_: True)
    await WebsocketCommunicator(application, "/ws/twilio/nobody/").connect(timeout=20)
    await CallConsumer.lost.stored()
    assert "lost calls are not in the list" in caplog.text


async def test_a_caller_who_is_gone_before_the_call_is_there_takes_no_place(
    application: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_self: CallConsumer) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(CallConsumer, "accept", gone)
    socket = WebsocketCommunicator(application, ANNA)
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(ConnectionResetError):
        await socket.wait(timeout=20)
    assert nobody_left()
