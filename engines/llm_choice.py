"""Which language model ``AIKER_LLM_MODEL=auto`` stands for on this machine.

::

    with Sources() as sources:
        choice = choose(sources)       # asks the hubs, unless a general model is installed already
    choice.model, choice.reason        # "qwen2.5-0.5b-instruct-gguf", "a general model for this machine ..."
    served_llm()                       # the model that is installed; asks nobody

A general instruct model is taken where a hub (Hugging Face, ModelScope) has it. The package registries carry
coder models only, which follow instructions less well: they are for machines that reach no hub.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.translation import gettext as _

from engines.catalog import Model, get_model, machine_size
from engines.fetch import is_installed
from engines.gpu import look_at_gpus
from engines.snapshots import hub_that_has
from engines.sources import HUB_NAMES, Sources

# Memory (MB) of the largest GPU that the installed llama.cpp is built for. Asked in another process: here it
# would keep a context on that GPU for as long as this process lives.
_GPU_QUESTION = """
import xllamacpp
sizes = (d["memory_total"] for d in xllamacpp.get_device_info() if "TYPE_GPU" in str(d["type"]))
print(max(sizes, default=0) // 2**20)
"""
_QUESTION_S = 60


@dataclass(frozen=True, slots=True)
class Resources:
    """What the language model may use; ``gpu_mb`` is of the GPU that llama.cpp can use, 0 without one."""

    cores: int
    memory_mb: int
    gpu_mb: int = 0

    def __str__(self) -> str:
        values = {"cores": self.cores, "memory": round(self.memory_mb / 1024)}
        if self.gpu_mb:
            values["gpu"] = round(self.gpu_mb / 1024)
            return _("%(cores)d cores, %(memory)d GB of memory, GPU of %(gpu)d GB") % values
        return _("%(cores)d cores, %(memory)d GB of memory, no GPU for llama.cpp") % values


@dataclass(frozen=True, slots=True)
class Size:
    """A model and what it needs: so much memory of a GPU, or so many cores and so much memory."""

    model: str
    gpu_mb: int | None = None
    cores: int | None = None
    memory_mb: int = 0

    def fits(self, machine: Resources) -> bool:
        if self.gpu_mb is not None and machine.gpu_mb >= self.gpu_mb:
            return True
        return self.cores is not None and machine.cores >= self.cores and machine.memory_mb >= self.memory_mb


# Largest first; the last fits every machine. The 1.5B needs 6 cores to begin an answer within a second or so,
# larger ones more in proportion. A machine sold with 8 GB reports a little less than 8192 MB, since the
# firmware keeps some; a GPU is left room for the context.
GENERAL = (
    Size("qwen3-8b-gguf", gpu_mb=9_500),
    Size("qwen3-4b-instruct-2507-gguf", gpu_mb=5_500, cores=16, memory_mb=15_000),
    Size("qwen2.5-1.5b-instruct-gguf", gpu_mb=3_500, cores=6, memory_mb=7_500),
    Size("qwen2.5-0.5b-instruct-gguf", cores=0),
)
CODER = (
    Size("qwen2.5-coder-1.5b", gpu_mb=3_500, cores=6, memory_mb=7_500),
    Size("qwen2.5-coder-0.5b", cores=0),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen model and, for people, why. ``fallback`` is the model to use when it cannot be fetched."""

    model: str
    reason: str
    fallback: str = ""


def largest(sizes: Sequence[Size], machine: Resources) -> str:
    """Return the first of ``sizes`` that fits the machine."""
    return next(size.model for size in sizes if size.fits(machine))


def choose(sources: Sources) -> Choice:
    """Return the model to install for these settings; a hub that does not answer costs a few seconds."""
    wanted = settings.AIKER.llm_model
    if wanted != "auto":
        return Choice(wanted, _("named by AIKER_LLM_MODEL"))
    machine = resources()
    general, coder = get_model(largest(GENERAL, machine)), largest(CODER, machine)
    reason = _("a general model for this machine (%(machine)s)") % {"machine": machine}
    if _installed(general):
        return Choice(general.id, reason)
    if hub := hub_that_has(general, sources):
        return Choice(general.id, f"{reason}; " + _("from %(hub)s") % {"hub": HUB_NAMES[hub]}, coder)
    return Choice(
        coder,
        _("a coder model for this machine (%(machine)s): no hub answers; package registries have no other")
        % {"machine": machine},
    )


def served_llm() -> str:
    """Return the id of the model that ``serve_llm`` serves, by the settings and what is installed."""
    wanted = settings.AIKER.llm_model
    if wanted != "auto":
        return wanted
    machine = resources()
    general = largest(GENERAL, machine)
    return general if _installed(get_model(general)) else largest(CODER, machine)


def resources() -> Resources:
    """Return what this machine has for a language model."""
    return Resources(*machine_size(), gpu_mb=gpu_mb())


@cache
def gpu_mb() -> int:
    """Return the memory of the largest GPU that the installed llama.cpp can use; 0 for none."""
    if look_at_gpus() is None:
        return 0
    command = [sys.executable, "-c", _GPU_QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_QUESTION_S, check=False)
    return int(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout.split() else 0


def _installed(model: Model) -> bool:
    return is_installed(model, settings.AIKER.models)
