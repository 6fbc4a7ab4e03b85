"""Real GPUs, where there are any."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from monitoring.gpus import Gpus
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
