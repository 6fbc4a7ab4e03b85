"""Requests of tools to a real server: what comes back, and what is never sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from aiker.calls.tools import http
from aiker.calls.tools.request import Request
from aiker.calls.tools.spec import ToolError
from tests.calls.tools.receiver import Receiver, receiving
from tests.ports import free_port


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "tool_hosts", [receiver.entry, "127.0.0.1:1"])
        yield receiver


def request(url: str, method: str = "GET", timeout_s: float = 20, **headers: str) -> Request:
    body = b'{"a": 1}' if method == "POST" else b""
    return Request(method, url, headers, body, timeout_s)


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/json", {"status": "已发货", "order": {"eta": "明天"}}),
        ("/text", "已发货"),
        ("/empty", None),
    ],
)
async def test_an_answer_comes_back(receiver: Receiver, path: str, result: Any) -> None:
    assert (await http.send(request(receiver.url(path)))).result == result


async def test_method_headers_and_body_arrive(receiver: Receiver) -> None:
    await http.send(request(receiver.url("/json?a=1"), "POST", Authorization="Bearer x"))
    (got,) = receiver.got
    assert (got.method, got.path, got.json) == ("POST", "/json?a=1", {"a": 1})
    assert got.headers["Authorization"] == "Bearer x"
    assert got.headers["Host"] == receiver.entry


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/500", "status"),
        ("/409", "status"),
        ("/html", "not_json"),
        ("/broken", "not_json"),
        ("/redirect", "redirect"),
        ("/large", "too_large"),
    ],
)
async def test_a_useless_answer_is_an_error(receiver: Receiver, path: str, code: str) -> None:
    with pytest.raises(ToolError) as caught:
        await http.send(request(receiver.url(path)))
    assert caught.value.code == code
    assert len(receiver.got) == 1  # a redirect was not followed, and nothing was tried again


async def test_a_server_that_hangs_is_left_in_time(receiver: Receiver) -> None:
    with pytest.raises(ToolError) as caught:
        await http.send(request(receiver.url("/hangs"), timeout_s=0.3))
    assert caught.value.code == "timeout"


async def test_a_closed_port_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(settings.AIKER, "tool_hosts", [f"127.0.0.1:{port}"])
    with pytest.raises(ToolError) as caught:
        await http.send(request(f"http://127.0.0.1:{port}/"))
    assert caught.value.code == "unreachable"


async def test_what_is_not_listed_is_not_sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.AIKER, "tool_hosts", [])
    with pytest.raises(ToolError) as caught:
        await http.send(request(receiver.url("/json")))
    assert (caught.value.code, receiver.got) == ("host", [])


async def test_a_listed_name_that_leads_into_a_private_network_is_not_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.AIKER, "local_hosts", [])
    with pytest.raises(ToolError) as caught:
        await http.send(request(receiver.url("/json")))  # localhost is listed, and is 127.0.0.1
    assert (caught.value.code, receiver.got) == ("host", [])


async def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert (await http.send(request(receiver.url("/text")))).result == "已发货"
