"""What NVIDIA's driver says: which GPUs there are, and how much of them a process has.

::

    driver = look_at_gpus()      # None: no driver, or no GPU
    driver.gpus[0].memory_mb, driver.version, driver.cuda
    process_mb(os.getpid())
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pynvml

from engines.memory import MIB

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver's version, the newest CUDA it can run, and its GPUs."""

    version: str
    cuda: str
    gpus: tuple[Gpu, ...]


def look_at_gpus() -> Driver | None:
    """Return what the driver says, None when there is none that works."""
    try:
        with _library():
            version = pynvml.nvmlSystemGetCudaDriverVersion_v2()
            gpus = tuple(
                Gpu(_text(pynvml.nvmlDeviceGetName(each)), pynvml.nvmlDeviceGetMemoryInfo(each).total / MIB)
                for each in _devices()
            )
            driver = _text(pynvml.nvmlSystemGetDriverVersion())
            return Driver(driver, f"{version // 1000}.{version % 1000 // 10}", gpus) if gpus else None
    except pynvml.NVMLError as exc:
        logger.debug("NVML: %s", exc)
        return None


def process_mb(pid: int) -> float:
    """Return what process ``pid`` has of all GPUs.

    In a container the driver knows processes by the host's numbers; then what all processes have is
    returned, and a difference of two readings is this process's as long as no other loads a model.
    """
    try:
        with _library():
            devices = list(_devices())
            own = [
                process.usedGpuMemory
                for each in devices
                for process in pynvml.nvmlDeviceGetComputeRunningProcesses(each)
                if process.pid == pid and process.usedGpuMemory is not None
            ]
            used: Iterable[int] = own or [pynvml.nvmlDeviceGetMemoryInfo(each).used for each in devices]
            return sum(used) / MIB
    except pynvml.NVMLError as exc:
        logger.warning("the GPU's memory cannot be read: %s", exc)
        return 0.0


@contextmanager
def _library() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _devices() -> Iterator[Any]:
    return (pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount()))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
