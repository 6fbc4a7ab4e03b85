"""Child processes of ``manage.py start``: what they are, where they log, whether they answer.

::

    service = Service("chroma", [sys.executable, ...], "http://127.0.0.1:8103/api/v2/heartbeat")
    log = Log(log_dir / "chroma.log")
    ready = await answers(service.health_url)
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from aiker import guardian

LOG_BYTES = 10_000_000
POLL_S = 0.1
TAIL_LINES = 20
TAIL_BYTES = 64_000
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Service:
    """A process to keep alive. It is ready when a GET of ``health_url`` answers 200; without one, at once.

    ``health_host`` is the Host header of that request, for a server that answers to few names.
    ``env`` is added to the environment. The rest goes on without an ``optional`` one.
    """

    name: str
    command: Sequence[str]
    health_url: str
    health_host: str = "localhost"
    env: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


class Log:
    """The output of one process, run after run: at most 10 MB, and the 10 MB before in ``<name>.log.1``."""

    def __init__(self, path: Path, max_bytes: int = LOG_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._run_start = 0

    def open(self) -> BinaryIO:
        """Open the log for a new run of the process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > self.max_bytes:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        file = self.path.open("ab")
        self._run_start = file.tell()
        return file

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """Return the last lines of the current run, without colours."""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._run_start, size - TAIL_BYTES))
            return last_lines(file.read(), lines)


def last_lines(output: bytes, count: int) -> list[str]:
    """Return the last ``count`` lines that are not empty, decoded, colours and cursor movements removed."""
    text = COLOUR.sub("", output.decode("utf-8", errors="replace"))
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this environment for a child: ``extra`` added, output unbuffered, bytecode kept on disk.

    With PYTHONDONTWRITEBYTECODE every process would compile every module anew, seconds at each start.
    """
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return env | {"PYTHONUNBUFFERED": "1"} | dict(extra)


def describe_exit(status: int) -> str:
    """Say how a process ended: ``exit status 3`` or ``killed by SIGKILL``."""
    if status < 0:
        return _("killed by %(signal)s") % {"signal": signal.Signals(-status).name}
    return _("exit status %(status)d") % {"status": status}


async def answers(url: str, host: str = "localhost", timeout_s: float = 2.0) -> bool:
    """Return whether a GET of ``url`` answers 200 within ``timeout_s`` seconds."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(request.encode("ascii"))
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def until_answers(service: Service) -> None:
    """Return when the service answers its health check; bound it with ``asyncio.timeout``."""
    while service.health_url:
        if await answers(service.health_url, service.health_host):
            return
        await asyncio.sleep(POLL_S)


class Guardian:
    """The other process that ends our children should this one be killed; see ``aiker.guardian``."""

    def __init__(self) -> None:
        script = guardian.__file__
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def watch(self, pgid: int) -> None:
        self._tell(f"+{pgid}\n")

    def release(self, pgid: int) -> None:
        self._tell(f"-{pgid}\n")

    def close(self) -> None:
        """Let it go; every group has been released."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
