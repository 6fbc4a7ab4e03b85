"""A bench in a process of its own, for its own settings and databases.

::

    found = in_its_own("bench.soak", "30", env=environment(folder))   # python -m bench.soak 30

What it prints is shown as it comes; its last line is JSON, which is what it found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from aiker.config import BASE_DIR


def in_its_own(module: str, *arguments: str, env: Mapping[str, str]) -> Any:
    """Run a module and return what its last line says; CalledProcessError when it fails."""
    command = [sys.executable, "-m", module, *arguments]
    last = ""
    with subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(last, end="", flush=True)
            last = line
    if process.returncode:
        print(last, end="", flush=True)
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(last)
