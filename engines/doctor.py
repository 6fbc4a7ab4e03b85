"""Whether this machine can run Aiker, and which engines on it.

::

    for finding in examine(look()):
        print(finding.what, finding.found, finding.level)

``look`` reads the machine, ``examine`` judges it: pure, so that any machine can be tested.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil
from django.conf import settings
from django.utils.translation import gettext as _

from engines.gpu import Driver, look_at_gpus
from engines.registry import backends
from engines.servers import missing_programs

Level = Literal["good", "enough", "short", "info"]
GIB = 2**30
# (minimum, recommended) of the plan; a machine with fewer cores and no GPU runs the small models.
CORES, MEMORY_GB, GPU_GB, DISK_GB = (2, 12), (8, 32), (12, 16), (10, 1000)
LIBRARIES = ("ctranslate2", "xllamacpp", "transformers", "vllm", "coqui-tts")
# cuDNN's version as its library tells it: 90701 is 9.7.1, before version 9 8907 was 8.9.7.
CUDNN = ("libcudnn.so.9", "libcudnn.so.8")


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is; memory and disk in GiB."""

    cores: int
    memory_gb: float
    disk_free_gb: float
    driver: Driver | None
    cudnn: str  # of a library that can be opened; empty: none
    torch: str  # with what it was built for: 2.13.0+cpu; empty: not installed
    python: tuple[int, int]
    libraries: dict[str, str]
    onnx_providers: tuple[str, ...]
    missing: dict[str, tuple[str, ...]]  # by backend: packages and programs that are not installed, and more


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    found: str
    minimum: str
    recommended: str
    level: Level

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def look() -> Machine:
    """Read this machine; takes about a second."""
    import onnxruntime

    data_dir: Path = settings.AIKER.data_dir
    return Machine(
        cores=psutil.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / GIB,
        disk_free_gb=shutil.disk_usage(data_dir if data_dir.exists() else data_dir.parent).free / GIB,
        driver=look_at_gpus(),
        cudnn=_cudnn(),
        torch=_version("torch"),
        python=sys.version_info[:2],
        libraries={name: found for name in LIBRARIES if (found := _version(name))},
        onnx_providers=tuple(onnxruntime.get_available_providers()),
        missing={
            spec.name: (*spec.missing, *missing_programs(spec), *spec.parameters.problems())
            for spec in backends()
        },
    )


def examine(machine: Machine) -> list[Finding]:
    """Return what was found, each beside what is needed at least and what is recommended."""
    findings = [
        _sized(_("processor cores"), machine.cores, CORES),
        _sized(_("memory (GB)"), machine.memory_gb, MEMORY_GB),
        _sized(_("free disk (GB)"), machine.disk_free_gb, DISK_GB),
        *_gpu(machine),
        Finding(
            "Python",
            ".".join(map(str, machine.python)),
            "3.11",
            "3.11 - 3.13",
            "good" if (3, 11) <= machine.python <= (3, 13) else "short",
        ),
        Finding(_("platform"), platform.platform(), "", "", "info"),
        Finding(
            _("onnxruntime providers"), ", ".join(machine.onnx_providers), "CPUExecutionProvider", "", "good"
        ),
        Finding("torch", machine.torch or _("not installed"), "", "", "info"),
    ]
    findings += [Finding(name, found, "", "", "info") for name, found in machine.libraries.items()]
    return findings + [_engine(name, missing) for name, missing in machine.missing.items()]


def _gpu(machine: Machine) -> list[Finding]:
    """What a GPU needs, too: without one none of it is missing."""
    minimum, recommended = (f"{size} GB" for size in GPU_GB)
    if machine.driver is None:
        none = _("none: the small models run on the processor")
        return [Finding(_("NVIDIA GPU"), none, minimum, recommended, "info")]
    largest = max(machine.driver.gpus, key=lambda gpu: gpu.memory_mb)
    cudnn = machine.cudnn or _("not found: pip install nvidia-cudnn-cu12 nvidia-cublas-cu12")
    return [
        Finding(_("NVIDIA GPU"), ", ".join(gpu.name for gpu in machine.driver.gpus), "", "", "good"),
        _sized(_("GPU memory (GB)"), largest.memory_mb / 1024, GPU_GB),
        Finding(_("NVIDIA driver"), machine.driver.version, "", "", "info"),
        Finding(_("CUDA of the driver"), machine.driver.cuda, "12.0", "", _cuda_level(machine.driver.cuda)),
        Finding("cuDNN", cudnn, "8", "9", "good" if machine.cudnn else "short"),
    ]


def _cuda_level(version: str) -> Level:
    return "good" if int(version.split(".")[0]) >= 12 else "short"


def _cudnn() -> str:
    for name in CUDNN:
        try:
            number = ctypes.CDLL(name).cudnnGetVersion()
        except OSError:
            continue  # not here, or not that version
        major = 10_000 if number >= 90_000 else 1_000
        return f"{number // major}.{number % major // 100}.{number % 100}"
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _sized(what: str, found: float, needed: tuple[int, int]) -> Finding:
    return Finding(what, f"{found:.0f}", str(needed[0]), str(needed[1]), _level(found, needed))


def _level(found: float, needed: tuple[int, int]) -> Level:
    # Sizes are sold in round numbers and reported a little under them.
    return "good" if found >= 0.95 * needed[1] else "enough" if found >= 0.95 * needed[0] else "short"


def _engine(name: str, missing: tuple[str, ...]) -> Finding:
    what = _("engine %(name)s") % {"name": name}
    if missing:
        found = _("not installed: %(packages)s") % {"packages": ", ".join(missing)}
        return Finding(what, found, "", "", "info")
    return Finding(what, _("can run here"), "", "", "good")
