"""Real GPUs, where there are any, and what is made of what the driver says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from aiker.config import BASE_DIR
from monitoring.gpus import Gpus
from monitoring.machine import MIB, process_name
from monitoring.stored_metrics import reading

ASKED = {
    "gpu_memory_mb": "memory.used",
    "gpu_memory_total_mb": "memory.total",
    "gpu_percent": "utilization.gpu",
}


def nvidia_smi() -> list[list[float]]:
    command = ["nvidia-smi", f"--query-gpu={','.join(ASKED.values())}", "--format=csv,noheader,nounits"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [[float(field) for field in line.split(",")] for line in shown.splitlines()]


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no nvidia-smi, so no NVIDIA GPU")
def test_readings_are_what_nvidia_smi_shows() -> None:
    readings = Gpus().readings()
    for index, shown in enumerate(nvidia_smi()):
        found = [readings[reading(name, str(index))] for name in ASKED]
        assert found == pytest.approx(shown, rel=0.02, abs=2)


def test_what_processes_have_of_all_gpus_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own, others = os.getpid(), 2**22 + 1
    gpus = [{own: 300 * MIB, child.pid: 1024 * MIB, others: 512 * MIB}, {child.pid: 200 * MIB, own: None}]

    def running(gpu: dict[int, int | None]) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpu.items()]

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(gpus))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", gpus.__getitem__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", running)
    monkeypatch.setattr("monitoring.gpus._READINGS", {})
    try:
        name = process_name(psutil.Process().cmdline())
        assert Gpus().readings() == {reading("process_gpu_mb", name): 1524.0}
    finally:
        child.communicate(b"\n")


START = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[2], "manage.py", "serve_engines"], check=True)
"""
ENGINES = """
from monitoring.machine import processes
print(sorted((name, len(family)) for name, family in processes().items()))
"""


def test_children_of_start_are_known_by_what_they_do() -> None:
    command = [sys.executable, "-c", START, "start", ENGINES]
    done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('engines', 1), ('start', 1)]"
