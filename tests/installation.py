"""A whole Aiker for tests and benchmarks: ``manage.py start`` in a data directory of its own.

::

    with Installation(tmp_path) as aiker:
        aiker.call("--say", "周六开门吗")     # the report of ``manage.py call --json``
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from aiker.config import BASE_DIR
from tests.ports import free_port

READY_LINE = "Stop:"  # the last of the banner
PATIENCE_S = 600.0


class Installation:
    """Every process of Aiker on free ports; ``output`` is what ``start`` printed."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        names = ("AIKER_PORT", "AIKER_ENGINES_PORT", "AIKER_LLM_PORT", "AIKER_CHROMA_PORT")
        self.env = os.environ | {name: str(free_port()) for name in names} | settings
        self.env |= {"AIKER_DATA_DIR": str(data_dir), "AIKER_LANGUAGE": "en"}
        self.data_dir = data_dir
        self.output = ""
        self._more = threading.Condition()
        self._ended = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.env['AIKER_PORT']}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "start"],
            cwd=BASE_DIR,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(READY_LINE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._reader.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.output += line
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def until(self, text: str, times: int = 1) -> None:
        """Return when ``start`` has printed ``text`` so many times; RuntimeError when it does not."""
        with self._more:
            self._more.wait_for(lambda: self.output.count(text) >= times or self._ended, PATIENCE_S)
            if self.output.count(text) >= times:
                return
        self._process.kill()
        raise RuntimeError(f"no {text!r} in:\n{self.output}")

    def command(self, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` with this installation's settings."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def without_fillers(self) -> None:
        """Have nothing said while an answer is late: the test caller would take it for the answer."""
        code = "from aiker.calls.models import Assistant; Assistant.objects.update(filler_ms=0)"
        self.command("shell", "-c", code).check_returncode()

    def call(self, *arguments: str) -> dict[str, Any]:
        """Place a test call and return its report."""
        done = self.command("call", "--json", *arguments)
        if not done.stdout:
            raise RuntimeError(done.stderr)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def child(self, argument: str) -> psutil.Process:
        """Return the child process that has ``argument`` on its command line."""
        children = psutil.Process(self._process.pid).children()
        return next(process for process in children if argument in process.cmdline())
