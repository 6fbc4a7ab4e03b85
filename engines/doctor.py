"""Whether this machine can run Aiker, and which engines on it.

::

    for finding in examine(look()):
        print(finding.what, finding.found, finding.level)

``look`` reads the machine, ``examine`` judges it: pure, so that any machine can be tested.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil
from django.conf import settings
from django.utils.translation import gettext as _

from engines.registry import backends
from engines.servers import missing_programs

Level = Literal["good", "enough", "short", "info"]
GIB = 2**30
# (minimum, recommended) of the plan; a machine with fewer cores and no GPU runs the small models.
CORES, MEMORY_GB, GPU_GB, DISK_GB = (2, 12), (8, 32), (12, 16), (10, 1000)
SMI = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
LIBRARIES = ("onnxruntime", "ctranslate2", "xllamacpp", "torch", "vllm", "coqui-tts")


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_gb: float
    driver: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is; memory and disk in GiB."""

    cores: int
    memory_gb: float
    disk_free_gb: float
    gpus: tuple[Gpu, ...]
    python: tuple[int, int]
    libraries: dict[str, str]
    onnx_providers: tuple[str, ...]
    missing: dict[str, tuple[str, ...]]  # by backend: packages and programs that are not installed


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
        gpus=parse_gpus(_nvidia_smi()),
        python=sys.version_info[:2],
        libraries={name: found for name in LIBRARIES if (found := _version(name))},
        onnx_providers=tuple(onnxruntime.get_available_providers()),
        missing={spec.name: spec.missing + missing_programs(spec) for spec in backends()},
    )


def examine(machine: Machine) -> list[Finding]:
    """Return what was found, each beside what is needed at least and what is recommended."""
    gpu_gb = max((gpu.memory_gb for gpu in machine.gpus), default=0.0)
    gpu_names = ", ".join(f"{gpu.name} ({gpu.memory_gb:.0f} GB, {gpu.driver})" for gpu in machine.gpus)
    findings = [
        _sized(_("processor cores"), machine.cores, CORES),
        _sized(_("memory (GB)"), machine.memory_gb, MEMORY_GB),
        _sized(_("free disk (GB)"), machine.disk_free_gb, DISK_GB),
        Finding(
            _("NVIDIA GPU"),
            gpu_names or _("none: the small models run on the processor"),
            f"{GPU_GB[0]} GB",
            f"{GPU_GB[1]} GB",
            _level(gpu_gb, GPU_GB) if machine.gpus else "info",
        ),
        Finding(
            "Python",
            ".".join(map(str, machine.python)),
            "3.11",
            "3.11 - 3.13",
            "good" if (3, 11) <= machine.python <= (3, 13) else "short",
        ),
        Finding(_("platform"), platform.platform(), "", "", "info"),
        Finding("onnxruntime", ", ".join(machine.onnx_providers), "CPUExecutionProvider", "", "good"),
    ]
    findings += [Finding(name, found, "", "", "info") for name, found in machine.libraries.items()]
    return findings + [_engine(name, missing) for name, missing in machine.missing.items()]


def parse_gpus(output: str) -> tuple[Gpu, ...]:
    """Return the GPUs in nvidia-smi's CSV."""
    rows = [[cell.strip() for cell in line.split(",")] for line in output.splitlines() if line.strip()]
    return tuple(Gpu(name, float(memory) / 1024, driver) for name, memory, driver in rows)


def _nvidia_smi() -> str:
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""  # no driver, no GPU
    return done.stdout


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
