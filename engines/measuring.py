"""How much memory this process has, before and after a model was loaded.

::

    before = used_mb("cpu")
    engine = backend.load(place)
    taken = used_mb("cpu") - before
"""

from __future__ import annotations

import ctypes
import os
import sys

import psutil

from engines.gpu import process_mb
from engines.memory import MIB, Device


def used_mb(device: Device) -> float:
    """Return this process's memory: on a GPU as the driver counts it, else what of RAM it occupies."""
    if device == "cuda":
        return process_mb(os.getpid())
    release_unused()
    return psutil.Process().memory_info().rss / MIB


def release_unused() -> None:
    """Give back to the system what loading has used and freed: with Kokoro's graph 140 MB."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
