"""What tells two states of a speech engine apart, so that old sound is never taken for what it says now.

::

    revision_of(engine.build())            # another parameter, or other files of its model, give another
    model_revision("kokoro-int8")

Cheap enough for every call: an installed model has the sha256 of its files written beside them.
"""

from __future__ import annotations

import hashlib

from engines.catalog import model_dir
from engines.install import MANIFEST
from engines.registry import Backend, LocalBackend

SHOWN = 16  # hex digits


def revision_of(backend: Backend) -> str:
    """Return the revision of an engine; secrets have no part in it."""
    files = model_revision(backend.model) if isinstance(backend, LocalBackend) else ""
    return _digest(f"{backend.spec.name}\n{backend.model_dump_json()}\n{files}".encode())


def model_revision(model_id: str) -> str:
    """Return what tells the model's files from others under the same name; "" when there are none."""
    folder = model_dir(model_id)
    manifest = folder / MANIFEST
    if manifest.is_file():
        return _digest(manifest.read_bytes())
    # A folder of the operator's own: names, sizes and times of its files.
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    lines = [f"{path.relative_to(folder)} {at.st_size} {at.st_mtime_ns}" for path, at in files]
    return _digest("\n".join(lines).encode()) if lines else ""


def _digest(made_of: bytes) -> str:
    return hashlib.sha256(made_of).hexdigest()[:SHOWN]
