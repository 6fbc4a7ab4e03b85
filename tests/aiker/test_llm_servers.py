"""Servers of language models beside Aiker's own processes: a real llama.cpp, and programs that fail."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import translation

from aiker.llm_servers import LLMServers
from aiker.processes import Service, answers
from aiker.supervisor import Patience, Supervisor
from engines.adapters.llm_adapter import LLMAdapter
from engines.backends.llm_servers import LlamaCpp
from engines.models import EngineConfig
from engines.profiles import endpoint_of
from engines.routing import Breakers, Routes
from tests.ports import free_port

DEADLINE_S = 900.0  # the model yields the processor to everything else
MODEL = "qwen2.5-coder-0.5b"
QUESTION: Any = [{"role": "user", "content": "一加一等于几？"}]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def supervise(supervisor: Supervisor, boot: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(2 * DEADLINE_S):
        await supervisor.run(boot)


def service_of(engine: EngineConfig) -> Service:
    server = engine.build()
    assert isinstance(server, LlamaCpp)
    return Service(
        f"llm-{engine.slug}",
        [server.program(), *server.arguments()],
        server.health_url,
        env=server.environment(),
        optional=True,
    )


def processes(port: int) -> list[psutil.Process]:
    """Return the processes of this test that serve at ``port``."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.is_running() and str(port) in child.cmdline()]


@pytest.mark.models
@pytest.mark.e2e  # the language model gives way to every other process: beside busy tests it is starved
async def test_llama_cpp_answers_comes_back_when_it_is_killed_and_ends(tmp_path: Path) -> None:
    port, said = free_port(), list[str]()
    engine = EngineConfig(slug="qwen", name="qwen", backend="llama.cpp")
    engine.parameters = {"model": MODEL, "port": port, "context": 1024, "sequences": 1}
    engine.clean()
    supervisor = Supervisor(tmp_path, said.append)
    servers = LLMServers(supervisor, said.append)
    service = service_of(engine)
    adapter = LLMAdapter(Routes("llm", [endpoint_of(engine)], Breakers()))

    async def boot() -> None:
        await servers.apply({"qwen": service}, {})
        await until(lambda: "llm-qwen is ready." in said)
        pieces = [text async for text in adapter.stream(QUESTION, lambda _served: None)]
        assert len(pieces) > 1
        (process,) = processes(port)
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: any("llm-qwen answers again" in line for line in said))
        assert [text async for text in adapter.stream(QUESTION, lambda _served: None)] == pieces
        await servers.apply({}, {})
        assert processes(port) == []
        assert not await answers(service.health_url)
        os.kill(os.getpid(), signal.SIGTERM)

    await supervise(supervisor, boot)
    assert said[-2:] == ["llm-qwen is stopped.", "Stopping ..."]


def listener(port: int, name: str = "llm-a") -> Service:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return Service(name, command, f"http://127.0.0.1:{port}/", optional=True)


async def test_what_an_operator_changes_is_followed(tmp_path: Path) -> None:
    old, new, said = listener(free_port()), listener(free_port()), list[str]()
    supervisor = Supervisor(tmp_path, said.append)
    servers = LLMServers(supervisor, said.append)

    async def boot() -> None:
        await servers.apply({"a": old}, {"b": "no model"})
        await until(lambda: said.count("llm-a is ready.") == 1)
        await servers.apply({"a": old}, {"b": "no model"})
        assert said.count("llm-b is not started: no model") == 1
        await servers.apply({"a": new}, {"b": "no program"})
        await until(lambda: said.count("llm-a is ready.") == 2)
        assert await answers(new.health_url)
        assert not await answers(old.health_url)
        os.kill(os.getpid(), signal.SIGTERM)

    await supervise(supervisor, boot)
    assert "llm-b is not started: no program" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([sys.executable, "-S", "-c", "print('out of memory'); raise SystemExit(3)"], "out of memory"),
        (["/nowhere/vllm", "serve"], "/nowhere/vllm: No such file or directory"),
    ],
    ids=["dies", "is not there"],
)
async def test_a_server_that_cannot_run_is_said_and_ends_nothing(
    tmp_path: Path, command: list[str], says: str
) -> None:
    said = list[str]()
    supervisor = Supervisor(tmp_path, said.append)
    bad = Service("llm-bad", command, f"http://127.0.0.1:{free_port()}/", optional=True)
    good = listener(free_port())

    async def boot() -> None:
        supervisor.start(good)
        supervisor.start(bad)
        await supervisor.ready(good, DEADLINE_S)
        await until(lambda: sum("llm-bad is started again" in line for line in said) == 3)
        assert await answers(good.health_url)
        os.kill(os.getpid(), signal.SIGTERM)

    await supervise(supervisor, boot)
    assert says in said[0]


def test_an_optional_service_is_tried_again_after_ever_longer_waits() -> None:
    policy, now_s, waits = Patience(), 50.0, []
    for _death in range(12):
        waits.append(policy.death(now_s))
        now_s += waits[-1] + 5

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert policy.death(now_s + Patience.FORGET_S) == 1
