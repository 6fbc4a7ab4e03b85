"""The way into a call: how many there may be, and who leaves on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings

from aiker.calls import consumers
from aiker.calls.consumers import TOO_MANY, CallConsumer
from aiker.calls.models import Assistant
from aiker.calls.routing import websocket_urlpatterns
from tests.calls.scripted import StandInEngines, call_engines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Any:
    Assistant.objects.create(slug="anna", name="安娜", greeting="")
    monkeypatch.setattr(settings.AIKER, "max_calls", 1)
    monkeypatch.setattr(consumers.tokens, "admits", lambda _token, _assistant: True)
    monkeypatch.setattr(consumers, "open_engines", lambda _plan: call_engines(StandInEngines()))
    return URLRouter(websocket_urlpatterns)


async def test_calls_that_come_together_are_not_more_than_there_may_be(application: Any) -> None:
    sockets = [WebsocketCommunicator(application, "/ws/twilio/anna/") for _ in range(3)]
    answers = await asyncio.gather(*(socket.connect(timeout=20) for socket in sockets))
    assert sorted(answers, key=str) == [(False, TOO_MANY)] * 2 + [(True, None)]
    for socket, (accepted, _) in zip(sockets, answers, strict=True):
        if accepted:
            await socket.disconnect()
    assert CallConsumer.live == CallConsumer.opening == set()


async def test_a_caller_who_is_gone_before_the_call_is_there_takes_no_place(
    application: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_self: CallConsumer) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(CallConsumer, "accept", gone)
    socket = WebsocketCommunicator(application, "/ws/twilio/anna/")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(ConnectionResetError):
        await socket.wait(timeout=20)
    assert CallConsumer.live == CallConsumer.opening == set()
