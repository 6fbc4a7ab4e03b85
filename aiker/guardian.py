"""The watcher that outlives ``manage.py start``: ends its children when it is gone, ``kill -9`` included.

Run as a script with a pipe on stdin, whose other end only the supervisor holds. Each line tells it of one
process group: ``+1234`` watch it, ``-1234`` it has ended. End of file means that the supervisor is gone:
every group still watched gets SIGTERM, and after ``GRACE_S`` seconds SIGKILL. Standard library only, so
that it stays small and starts at once; it works the same on Linux and macOS.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 5.0


def signal_group(pgid: int, signum: int) -> bool:
    """Signal a process group; return False when nothing of it is left."""
    try:
        os.killpg(pgid, signum)
    except (ProcessLookupError, PermissionError):  # macOS reports a group of zombies as "not permitted"
        return False
    return True


def end_groups(groups: Iterable[int], grace_s: float = GRACE_S) -> None:
    """Ask the groups to end, and kill what is left after ``grace_s`` seconds."""
    left = [pgid for pgid in groups if signal_group(pgid, signal.SIGTERM)]
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pgid for pgid in left if signal_group(pgid, 0)]
    for pgid in left:
        signal_group(pgid, signal.SIGKILL)


def watch(lines: Iterable[str]) -> set[int]:
    """Read the supervisor's lines until it is gone; return the groups that it left behind."""
    groups: set[int] = set()
    for line in lines:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    return groups


if __name__ == "__main__":
    end_groups(watch(sys.stdin))
