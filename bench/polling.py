"""Wait for something that another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_S = 0.2


def until(holds: Callable[[], object], what: str, timeout_s: float = 120.0) -> None:
    """Return when ``holds()`` is true; TimeoutError names ``what`` when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(EVERY_S)
