"""Manifests that are open for reading, one a thread and version, shared by all calls.

::

    reader(manifest_path(collection)).search(...)      # on a thread of the keyword searches

One a call would leave its file open, and two megabytes of cache, until Python happens to look for garbage.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from knowledge.manifest import Manifest

MOST = 8  # versions a thread keeps open: those of so many knowledge bases
_thread = threading.local()


def reader(path: Path) -> Manifest:
    """Return this thread's manifest of a version; raises sqlite3.OperationalError when there is none.

    A file that was removed, or made anew under its name, is noticed.
    """
    opened: OrderedDict[Path, tuple[int, Manifest]] = _thread.__dict__.setdefault("opened", OrderedDict())
    file, known = _inode(path), opened.pop(path, None)
    if known and known[0] != file:
        known[1].close()
        known = None
    opened[path] = known = known or (file, Manifest.read(path))
    while len(opened) > MOST:
        opened.popitem(last=False)[1][1].close()
    return known[1]


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
