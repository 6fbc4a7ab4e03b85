"""Run a program of ``engines.workers`` in a process of its own.

::

    figures = json.loads(run_worker(python, "footprint", "llm", folder, say=print)[-1])
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

Say = Callable[[str], None]
LAST_LINES = 8


class WorkerError(Exception):
    """A worker failed; the message has its last lines."""


def run_worker(python: Path, name: str, *arguments: object, say: Say | None = None) -> list[str]:
    """Run ``engines.workers.<name>`` with the interpreter ``python``; return the lines it printed.

    Each line is passed on to ``say`` as it comes. Raises WorkerError when the worker fails.
    """
    # The libraries must not look for a newer model on a hub; without bytecode torch imports for seconds more.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    command = [str(python), "-m", f"engines.workers.{name}", *map(str, arguments)]
    lines = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        with subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
        ) as process:
            assert process.stdout
            for line in process.stdout:
                lines.append(line.rstrip())
                if say:
                    say(lines[-1])
        if process.returncode:
            complaints.seek(0)
            raise WorkerError(_reason(name, process.returncode, complaints.read()))
    return lines


def _reason(name: str, status: int, complaints: str) -> str:
    if status == -9:
        return _("The step “%(name)s” was killed, most likely because the memory was full.") % {"name": name}
    lines = [line for line in complaints.splitlines() if line.strip()]
    return _("The step “%(name)s” failed:\n%(lines)s") % {
        "name": name,
        "lines": "\n".join(lines[-LAST_LINES:]),
    }
