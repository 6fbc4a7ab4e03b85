"""What this machine and Aiker's processes on it use.

::

    machine = Machine(settings.AIKER.data_dir)
    machine.readings()      # {"cpu_percent": 12.5, "process_mb|engines": 2210.0, ...}
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import psutil

from monitoring.stored_metrics import reading

MIB = 2**20
_PROGRAMS = {
    "daphne": "web",
    "uvicorn": "web",
    "vllm": "llm-server",
    "text-generation-launcher": "llm-server",
}


class Machine:
    """Reads the machine; the processor's load is that since the reading before."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        psutil.cpu_percent()

    def readings(self) -> dict[str, float]:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._data_dir))
        found = {
            "cpu_percent": psutil.cpu_percent(),
            "load_1m": round(os.getloadavg()[0], 2),
            "memory_percent": memory.percent,
            "memory_used_mb": round((memory.total - memory.available) / MIB),
            "disk_percent": disk.percent,
            "disk_free_mb": round(disk.free / MIB),
        }
        return found | {reading("process_mb", name): mb for name, mb in process_memory().items()}


def process_memory() -> dict[str, float]:
    """Return the resident memory of Aiker's processes, each with what it started itself."""
    return {name: round(sum(map(_rss, family)), 1) for name, family in processes().items()}


def processes() -> dict[str, list[psutil.Process]]:
    """Return Aiker's processes by what they are, each with what it started itself.

    They are ``manage.py start`` and its children; where the sampler runs alone, only itself.
    """
    own = psutil.Process()
    start = own.parent()
    if start is None or "start" not in _command(start):
        return {process_name(_command(own)): [own, *_children(own)]}
    found = defaultdict(list, start=[start])
    for child in start.children():
        found[process_name(_command(child))] += [child, *_children(child)]
    return found


def process_name(command: Sequence[str]) -> str:
    """Return what a process is, by its command: ``web``, ``engines``, ``llm-vllm``, ``other``."""
    words = [Path(word).name for word in command]
    for word, name in _PROGRAMS.items():
        if word in words:
            return name
    if any("chromadb" in word for word in command):
        return "chroma"
    if "manage.py" in words and words.index("manage.py") + 1 < len(words):
        return words[words.index("manage.py") + 1].removeprefix("serve_")
    return "other"


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it has just ended


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _rss(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / MIB
    except psutil.Error:
        return 0.0
