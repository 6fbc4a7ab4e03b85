"""What NVIDIA's driver says of each GPU now.

::

    gpus = Gpus()
    gpus.readings()     # {"gpu_memory_mb|0": 9120.0, "gpu_percent|0": 35.0, ...}; {} without a GPU

And what Aiker's processes have of them: ``{"process_gpu_mb|engines": 4210.0, ...}``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pynvml

from monitoring.machine import MIB, processes
from monitoring.stored_metrics import reading

logger = logging.getLogger(__name__)


class Gpus:
    """Keeps the driver's library open; where it is not there, every reading is empty."""

    def __init__(self) -> None:
        try:
            pynvml.nvmlInit()
            self._handles = [
                pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
            ]
        except pynvml.NVMLError as exc:
            logger.info("no GPU to watch: %s", exc)
            self._handles = []

    def readings(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for index, handle in enumerate(self._handles):
            for name, read in _READINGS.items():
                try:
                    found[reading(name, str(index))] = round(read(handle), 1)
                except pynvml.NVMLError as exc:
                    # Not every GPU tells everything: power and temperature are often hidden in a container.
                    logger.debug("GPU %d does not tell %s: %s", index, name, exc)
        return found | self._of_processes()

    def _of_processes(self) -> dict[str, float]:
        used: Counter[int] = Counter()
        for handle in self._handles:
            try:
                for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                    used[process.pid] += process.usedGpuMemory or 0
            except pynvml.NVMLError as exc:
                logger.debug("the memory of processes on a GPU is not told: %s", exc)
        # In a container the driver may number processes as the host does: then none of these is known.
        families = processes() if used.total() else {}
        sums = {name: sum(used[process.pid] for process in family) for name, family in families.items()}
        return {reading("process_gpu_mb", name): round(held / MIB, 1) for name, held in sums.items() if held}


def _memory(handle: Any) -> Any:
    # As nvidia-smi shows it: without a version, what the driver keeps for itself counts as used (615 MB of an
    # idle H200).
    return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)


_READINGS: dict[str, Callable[[Any], float]] = {
    "gpu_memory_mb": lambda handle: _memory(handle).used / MIB,
    "gpu_memory_total_mb": lambda handle: _memory(handle).total / MIB,
    "gpu_percent": lambda handle: float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
    "gpu_celsius": lambda handle: float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
    "gpu_watts": lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
}
