"""Log lines as JSON: an object a line, with the call and the turn, in every process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiker import logs
from aiker.calls.models import Assistant
from aiker.calls.plan import plan_for
from aiker.config import BASE_DIR
from aiker.logs import JsonFormatter, logging_settings
from engines.errors import EngineError
from tests.calls.scripted import ScriptedCall, StandInEngines, play
from tests.ports import free_port


class Lines(logging.Handler):
    """Keeps what is logged, as the formatter makes it at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler, root = Lines(), logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    yield handler.lines
    root.setLevel(level)
    root.removeHandler(handler)


def test_a_record_is_one_object_on_one_line(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("aiker.test").warning("两行\n“%s”", {"a": 1})
    (line,) = lines
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING", "logger": "aiker.test", "message": "两行\n“{'a': 1}”", "process": os.getpid(),
    }  # fmt: skip
    record = logging.LogRecord("a", logging.INFO, "", 0, "两行\n“x”", None, None)
    assert "\n" not in JsonFormatter().format(record)


def test_an_exception_is_in_its_object(lines: list[dict[str, Any]]) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("aiker.test").exception("it failed")
    assert lines[0]["exception"].endswith("ValueError: broken")


@pytest.mark.django_db(transaction=True)
def test_lines_of_a_call_have_its_id_and_its_turn(lines: list[dict[str, Any]]) -> None:
    plan = plan_for(Assistant.objects.create(slug="anna", name="安娜"))
    ids: list[str] = []

    async def scenario() -> None:
        failing = EngineError("llm", "timeout", "stand-in")
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门", "你好"], answers=[failing, failing]))
        ids.append(str(call.session.id))
        await call.waits(2)
        for _ in range(2):
            await call.speaks(1)
            await call.waits(6)
        await call.hangs_up()

    play(scenario)
    failures = [line for line in lines if "llm timeout" in line["message"]]
    assert [(line["call_id"], line["turn"]) for line in failures] == [(ids[0], 1), (ids[0], 2)]
    (ended,) = [line for line in lines if "ended: hung_up" in line["message"]]
    assert ended["call_id"] == ids[0]
    assert logs.call_id.get() == ""  # of the context of the call only


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_once_keep_their_lines_apart(lines: list[dict[str, Any]]) -> None:
    """As calls run: each has a context of its own, and the VAD's thread calls both without one."""
    plan = plan_for(Assistant.objects.create(slug="anna", name="安娜"))
    expected: dict[str, str] = {}

    async def one(code: str) -> None:
        failing = EngineError("llm", code, "stand-in")
        call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=[failing]))
        expected[code] = str(call.session.id)
        await call.waits(2)
        await call.speaks(1)
        await call.waits(6)
        await call.hangs_up()

    async def scenario() -> None:
        await asyncio.gather(*(asyncio.create_task(one(code)) for code in ("timeout", "unreachable")))

    play(scenario)
    found = {
        line["message"].split("llm ")[1].split(":")[0]: line["call_id"]
        for line in lines
        if ": llm " in line["message"]
    }
    assert found == expected


def test_the_format_of_the_settings_is_the_one_that_is_used() -> None:
    assert logging_settings("json", "INFO")["handlers"]["console"]["formatter"] == "json"
    assert logging_settings("text", "INFO")["handlers"]["console"]["formatter"] == "text"


def run(directory: Path, *command: str, **env: str) -> subprocess.Popen[str]:
    environment = os.environ | {"AIKER_DATA_DIR": str(directory), "AIKER_LOG_FORMAT": "json"} | env
    return subprocess.Popen(
        [sys.executable, *command], cwd=BASE_DIR, env=environment, text=True, stderr=subprocess.PIPE
    )


def objects(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.strip()]


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_every_line_of_the_web_process_is_an_object(tmp_path: Path, server: str) -> None:
    port = str(free_port())
    options = {
        "daphne": ["-v", "0", "-b", "127.0.0.1", "-p", port],
        "uvicorn": ["--host", "127.0.0.1", "--port", port, "--no-access-log"],
    }[server]
    process = run(
        tmp_path, "-m", server, *options, "aiker.asgi:application", DJANGO_SETTINGS_MODULE="aiker.settings"
    )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=30) as client:
            client.get(f"http://127.0.0.1:{port}/health/live").raise_for_status()
            client.get(f"http://127.0.0.1:{port}/no-such-page")  # which Django warns of
            client.get(f"http://127.0.0.1:{port}/admin/login/")  # the database has no tables: an exception
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=15)
    found = [line for line in objects(errors) if line["logger"].startswith("django")]
    assert any("/no-such-page" in line["message"] for line in found)


def test_a_command_of_manage_py_logs_objects(tmp_path: Path) -> None:
    code = (
        "import logging, django; django.setup();"
        "logging.getLogger('monitoring.sampler').warning('alarm %s', 'open')"
    )
    _, errors = run(tmp_path, "-c", code, DJANGO_SETTINGS_MODULE="aiker.settings").communicate(timeout=60)
    (line,) = objects(errors)
    assert (line["logger"], line["message"]) == ("monitoring.sampler", "alarm open")


@pytest.mark.parametrize("command", ["worker", "indexer"])
def test_every_line_of_a_background_process_is_an_object(tmp_path: Path, command: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=BASE_DIR,
        env=os.environ | {"AIKER_DATA_DIR": str(tmp_path)},
        check=True,
    )
    ports = {f"AIKER_{name}_PORT": str(free_port()) for name in ("ENGINES", "LLM", "CHROMA")}
    process = run(tmp_path, "manage.py", command, **ports)
    assert process.stderr
    try:
        first = process.stderr.readline()  # the worker has started; the indexer misses Chroma
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert {line["level"] for line in objects(first + errors)} <= {"INFO", "WARNING"}
