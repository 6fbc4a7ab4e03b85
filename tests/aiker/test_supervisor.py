"""The supervisor with real processes; what waits, waits for a condition."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.utils import translation

from aiker.processes import Log, Service, answers, child_environment, last_lines, until_answers
from aiker.supervisor import ChildFailed, RestartPolicy, Supervisor
from tests.ports import free_port

DEADLINE_S = 30.0

CHILD = """
import http.server, pathlib, subprocess, sys, os, signal
port, pids, behaviour = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
first = not pids.exists()
with pids.open("a") as f:
    f.write(f"{os.getpid()}\\n")
if behaviour == "dies" or behaviour == "dies once" and first:
    print("loading\\nout of memory")
    sys.exit(3)
grandchild = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
with pids.open("a") as f:
    f.write(f"{grandchild.pid}\\n")
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


class Child:
    """A small web server, in one of four behaviours: good, dies, dies once, stubborn (ignores SIGTERM)."""

    def __init__(self, tmp_path: Path, behaviour: str) -> None:
        self.pid_file = tmp_path / "pids"
        port = free_port()
        command = [sys.executable, "-S", "-c", CHILD, str(port), str(self.pid_file), behaviour]
        self.service = Service("engines", command, f"http://127.0.0.1:{port}/health")

    def pids(self) -> list[int]:
        return [int(line) for line in self.pid_file.read_text().split()]

    def alive(self) -> list[int]:
        return [pid for pid in self.pids() if runs(pid)]


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def supervise(supervisor: Supervisor, boot: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await supervisor.run(boot)


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)


def test_the_first_restart_is_at_once_and_the_third_death_in_a_minute_gives_up() -> None:
    policy = RestartPolicy()
    assert [policy.death(now_s) for now_s in (100.0, 130.0, 159.9)] == [0.0, 1.0, None]


def test_deaths_that_lie_more_than_a_minute_back_are_forgotten() -> None:
    policy = RestartPolicy()
    assert [policy.death(now_s) for now_s in (0.0, 31.0, 62.0, 93.0)] == [0.0, 1.0, 1.0, 1.0]


def test_last_lines_drop_colours_empty_lines_and_what_is_not_utf8() -> None:
    output = "first\n\x1b[31m错误\x1b[0m: bad\n\n".encode() + b"\xff end\r\n"
    assert last_lines(output, 2) == ["错误: bad", "\ufffd end"]


def test_the_tail_shows_only_the_current_run(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "web.log")
    for run in (b"old\n", b"new 1\nnew 2\n"):
        with log.open() as file:
            file.write(run)
    assert log.tail() == ["new 1", "new 2"]
    assert log.path.read_bytes() == b"old\nnew 1\nnew 2\n"


def test_a_log_that_has_grown_too_large_is_put_aside_at_the_next_run(tmp_path: Path) -> None:
    log = Log(tmp_path / "web.log", max_bytes=10)
    for run in (b"a line too many\n", b"short\n", b"more\n"):
        with log.open() as file:
            file.write(run)
    assert log.path.read_bytes() == b"short\nmore\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"a line too many\n"


def test_children_keep_their_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = child_environment({"OMP_NUM_THREADS": "1"})
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["OMP_NUM_THREADS"] == "1"
    assert env["PATH"] == os.environ["PATH"]


async def test_a_service_is_ready_when_it_answers_200_and_not_before(tmp_path: Path) -> None:
    child = Child(tmp_path, "good")
    supervisor = Supervisor(tmp_path, say=lambda _line: None)
    url = child.service.health_url
    assert not await answers(url)

    async def boot() -> None:
        supervisor.start(child.service)
        await supervisor.ready(child.service, DEADLINE_S)
        assert await answers(url)
        assert not await answers(url.replace("/health", "/loading"))
        send(signal.SIGTERM)

    await supervise(supervisor, boot)


async def test_a_service_that_never_answers_fails_the_start_with_its_name(tmp_path: Path) -> None:
    silent = Service(
        "llm",
        [sys.executable, "-S", "-c", "import signal; signal.pause()"],
        f"http://127.0.0.1:{free_port()}/",
    )
    supervisor = Supervisor(tmp_path, say=lambda _line: None)

    async def boot() -> None:
        supervisor.start(silent)
        await supervisor.ready(silent, timeout_s=0.2)

    with pytest.raises(ChildFailed, match="llm: does not answer at http"):
        await supervise(supervisor, boot)


async def test_a_service_that_dies_shows_its_last_lines_and_comes_back(tmp_path: Path) -> None:
    child, said = Child(tmp_path, "dies once"), list[str]()
    supervisor = Supervisor(tmp_path, said.append)

    async def boot() -> None:
        supervisor.start(child.service)
        await until(lambda: any("answers again" in line for line in said))
        send(signal.SIGTERM)

    await supervise(supervisor, boot)
    assert said[0] == "engines: exit status 3\n  | loading\n  | out of memory\nengines is started again."
    assert said[1].startswith("engines answers again after ")


async def test_a_service_that_is_killed_while_it_runs_comes_back(tmp_path: Path) -> None:
    child, said = Child(tmp_path, "good"), list[str]()
    supervisor = Supervisor(tmp_path, said.append)

    async def boot() -> None:
        supervisor.start(child.service)
        await supervisor.ready(child.service, DEADLINE_S)
        first, orphan = child.pids()
        os.kill(first, signal.SIGKILL)
        await until(lambda: any("answers again" in line for line in said))
        await until(lambda: not runs(orphan))
        send(signal.SIGTERM)

    await supervise(supervisor, boot)
    assert said[0].startswith("engines: killed by SIGKILL")


async def test_the_third_death_ends_everything_with_the_name_and_the_last_lines(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    good, bad = Child(tmp_path / "a", "good"), Child(tmp_path / "b", "dies")
    supervisor = Supervisor(tmp_path, say=lambda _line: None)

    async def boot() -> None:
        supervisor.start(Service("web", good.service.command, good.service.health_url))
        supervisor.start(bad.service)
        await asyncio.Event().wait()

    with pytest.raises(
        ChildFailed, match=r"engines: exit status 3\n  \| loading\n  \| out of memory"
    ) as failed:
        await supervise(supervisor, boot)
    assert failed.value.name == "engines"
    assert len(bad.pids()) == 3
    await until(lambda: good.alive() == [])


async def test_a_job_that_fails_is_named_with_its_last_lines(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, say=lambda _line: None)

    async def boot() -> None:
        await supervisor.job("fine", [sys.executable, "-S", "-c", "pass"])
        await supervisor.job(
            "load_knowledge", [sys.executable, "-S", "-c", "raise SystemExit('no such file')"]
        )

    with pytest.raises(ChildFailed, match=r"load_knowledge: exit status 1\n  \| no such file"):
        await supervise(supervisor, boot)


@pytest.mark.parametrize("behaviour", ["good", "stubborn"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_every_child_and_grandchild(tmp_path: Path, behaviour: str, signum: int) -> None:
    child = Child(tmp_path, behaviour)
    supervisor = Supervisor(tmp_path, say=lambda _line: None, grace_s=0.3)

    async def boot() -> None:
        supervisor.start(child.service)
        await supervisor.ready(child.service, DEADLINE_S)
        assert len(child.alive()) == 2
        send(signum)

    await supervise(supervisor, boot)
    await until(lambda: child.alive() == [])


async def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    child, said = Child(tmp_path, "stubborn"), list[str]()
    supervisor = Supervisor(tmp_path, said.append, grace_s=DEADLINE_S * 2)

    async def boot() -> None:
        supervisor.start(child.service)
        await supervisor.ready(child.service, DEADLINE_S)
        send(signal.SIGINT)

    running = asyncio.create_task(supervise(supervisor, boot))
    await until(lambda: "Stopping ..." in said)
    assert runs(child.pids()[0])
    send(signal.SIGINT)
    await running
    await until(lambda: child.alive() == [])


SUPERVISE = """
import asyncio, pathlib, sys
from django.conf import settings
settings.configure(USE_I18N=False)
from aiker.processes import Service
from aiker.supervisor import Supervisor
supervisor = Supervisor(pathlib.Path(sys.argv[1]), print)
async def boot():
    supervisor.start(Service("engines", sys.argv[3:], sys.argv[2]))
asyncio.run(supervisor.run(boot))
"""


async def test_killing_the_supervisor_with_9_leaves_no_process_behind(tmp_path: Path) -> None:
    child = Child(tmp_path, "good")
    service = child.service
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path), service.health_url, *service.command]
    supervisor = await asyncio.create_subprocess_exec(*command)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await until_answers(service)
        assert len(child.alive()) == 2
    finally:
        supervisor.kill()
        await supervisor.wait()
    await until(lambda: child.alive() == [])
