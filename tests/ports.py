"""TCP ports for what tests and benchmarks start."""

from __future__ import annotations

import socket
from collections.abc import Iterator

# Below those that the system gives to connections: what is handed out here is bound seconds later only.
FIRST, END, BLOCK = 16_000, 32_000, 500


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free, and that nobody else is given."""
    for port in _ports:
        with socket.socket() as probe:
            if _binds(probe, port):
                return port
    raise RuntimeError(f"{(END - FIRST) // BLOCK} other processes hand out ports")


def _own_ports() -> Iterator[int]:
    """Yield the ports of a block again and again; its first one is kept bound, which reserves the block."""
    for first in range(FIRST, END, BLOCK):
        with socket.socket() as guard:
            if _binds(guard, first):
                while True:
                    yield from range(first + 1, first + BLOCK)


def _binds(to: socket.socket, port: int) -> bool:
    try:
        to.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


_ports = _own_ports()
