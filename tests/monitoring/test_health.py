"""What load balancers are told."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import AsyncClient, Client

from aiker.calls.models import Assistant
from monitoring import health
from tests.ports import free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ports")]


class _Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@contextmanager
def stand_in_server(status: int = 200) -> Iterator[int]:
    """A server whose every page answers ``status``; gives its port."""
    server = HTTPServer(("127.0.0.1", 0), type("Answer", (_Answer,), {"status": status}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("engines_port", "llm_port", "chroma_port"):
        monkeypatch.setattr(settings.AIKER, name, free_port())


def ask() -> tuple[int, dict[str, object]]:
    answer = asyncio.run(AsyncClient().get("/health/ready"))
    return answer.status_code, answer.json()


def test_live_asks_nobody(client: Client) -> None:
    with connection.execute_wrapper(lambda *_: pytest.fail("live must not ask the database")):
        answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_when_everything_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    Assistant.objects.create(slug="anna", name="安娜")
    with stand_in_server() as port:
        for name in ("engines_port", "llm_port", "chroma_port"):
            monkeypatch.setattr(settings.AIKER, name, port)
        assert ask() == (
            200,
            {"ready": True, "checks": {"database": True, "chroma": True, "engines": True, "llm": True}},
        )


def test_not_ready_names_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_server() as well, stand_in_server(503) as loading:
        monkeypatch.setattr(settings.AIKER, "chroma_port", well)
        monkeypatch.setattr(settings.AIKER, "engines_port", loading)
        status, body = ask()
    assert (status, body["checks"]) == (503, {"database": True, "chroma": True, "engines": False})


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(settings.AIKER, "chroma_port", silent.getsockname()[1])
        status, body = ask()
    assert (status, body["checks"]) == (503, {"database": True, "chroma": False, "engines": False})


def test_a_broken_database_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(health, "engine_addresses", broken)
    status, body = ask()
    assert (status, body["checks"]) == (503, {"database": False, "chroma": False})
