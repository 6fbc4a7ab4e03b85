"""What would stop the start, found before anything is started.

::

    for problem in problems(settings.AIKER):
        print(problem)
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import TextIO

import psutil
from django.utils.translation import gettext as _

from aiker.config import Config

DISK_MB = 500


def problems(config: Config) -> list[str]:
    """Return each thing that is in the way and what to do about it; empty: start."""
    return [*directory_problems("AIKER_DATA_DIR", config.data_dir), *port_problems(config)]


def directory_problems(variable: str, path: Path, need_mb: int = DISK_MB) -> list[str]:
    """Return why the directory cannot be used: not writable, or its disk is nearly full."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        message = _("%(variable)s: cannot write to %(path)s; set %(variable)s to a directory that you own.")
        return [message % {"variable": variable, "path": path}]
    free_mb = shutil.disk_usage(path).free // 1_000_000
    if free_mb < need_mb:
        message = _("%(variable)s: only %(free)d MB are free at %(path)s; free at least %(need)d MB.")
        return [message % {"variable": variable, "path": path, "free": free_mb, "need": need_mb}]
    return []


def port_problems(config: Config) -> list[str]:
    """Return each port of the processes that is taken, by whom, and which setting moves it."""
    found: list[str] = []
    seen: dict[int, str] = {}
    for setting in ("port", "engines_port", "llm_port", "chroma_port"):
        variable, port = f"AIKER_{setting.upper()}", getattr(config, setting)
        if port in seen:
            message = _("%(variable)s and %(other)s are both %(port)d; change one of them.")
            found.append(message % {"variable": variable, "other": seen[port], "port": port})
        seen[port] = variable
        found += port_problem(config.host if setting == "port" else "127.0.0.1", port, variable)
    return found


def port_problem(host: str, port: int, variable: str) -> list[str]:
    """Return why no server could listen on ``host:port``; ``variable`` is the setting that changes it."""
    try:
        family, kind, proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
            probe.bind(address)
    except OSError as exc:
        values = {"port": port, "variable": variable, "host": host, "holder": port_holder(port), "error": exc}
        if exc.errno == errno.EADDRINUSE:
            return [_("Port %(port)d is taken by %(holder)s; stop it, or set %(variable)s.") % values]
        if exc.errno == errno.EACCES:
            return [_("Port %(port)d needs root; set %(variable)s to 1024 or more.") % values]
        return [_("AIKER_HOST: cannot listen on %(host)s: %(error)s") % values]
    return []


def port_holder(port: int) -> str:
    """Name the process that listens on ``port``, as far as this user may know it."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pids = [c.pid for c in listening if c.laddr and c.laddr.port == port and c.pid]
        if pids:
            return f"{' '.join(psutil.Process(pids[0]).cmdline())[:100]} (pid {pids[0]})"
    except psutil.Error:
        pass  # macOS tells only root
    return _("a process of another user")


def lock(data_dir: Path) -> TextIO | None:
    """Hold the data directory for this process; return None when another start holds it.

    The lock lasts until the file returned is closed or the process ends, however it ends.
    """
    file = (data_dir / "start.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
