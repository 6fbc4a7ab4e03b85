"""Install models: download, verify, join and move into place, so that a half model never has a model's name.

::

    path = ensure(get_model("whisper-base"), settings.AIKER.models)    # at once if it is installed
    problems = verify(get_model("whisper-base"), settings.AIKER.models)

While a model is installed its pieces lie in ``<models>/.<id>.partial``; what an interrupted download left
there is used by the next one. ``<models>/<id>`` appears by one rename, when every sha256 is right.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.utils.translation import gettext as _
from filelock import FileLock, Timeout

from engines.catalog import Model, recorded
from engines.download import FetchError, disk_full_named, file_sha256
from engines.install import DOWNLOADS, MANIFEST, Installation, manifest, work_dir
from engines.snapshots import resolve
from engines.sources import Sources


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


def ensure(
    model: Model,
    root: Path,
    *,
    sources: Sources | None = None,
    say: Callable[[str], None] = print,
    free_bytes: Callable[[Path], int] = _free_bytes,
) -> Path:
    """Return the folder of an installed model, after installing or mending it if needed.

    An installed model costs one ``stat`` a file. Files that are already right are kept. A snapshot stays at
    the revision it was installed from until it is removed. Pass one ``sources`` for several models, so that
    hubs are asked once. Raises FetchError with what to do.
    """
    target = root / model.id
    if is_installed(model, root):
        return target
    if model.origin and not model.snapshot:
        raise FetchError(
            _("%(id)s was made on this machine and is damaged. Remove it and make it again: %(command)s")
            % {"id": model.id, "command": model.origin}
        )
    root.mkdir(parents=True, exist_ok=True)
    with _lock(model, root, say), ExitStack() as stack:
        # Another process may have installed it while this one waited.
        if not is_installed(model, root):
            sources = sources or stack.enter_context(Sources(say))
            with disk_full_named(root):
                model = recorded(model, root)
                if not model.files:
                    model = resolve(model, sources, work_dir(model, root) / DOWNLOADS)
                Installation(model, root, sources, free_bytes, say).run()
    return target


def is_installed(model: Model, root: Path) -> bool:
    """Whether every file was verified when it was installed and still has its size."""
    folder, model = root / model.id, recorded(model, root)
    try:
        verified = json.loads((folder / MANIFEST).read_text())
        return verified == manifest(model) and all(
            (folder / file.path).stat().st_size == file.size for file in model.files
        )
    except (OSError, ValueError):
        return False


def verify(model: Model, root: Path) -> list[str]:
    """Hash every file; return one line for each that is wrong, none if the model is whole.

    A model with a wrong file no longer counts as installed: the next ``ensure`` mends it.
    """
    folder, model = root / model.id, recorded(model, root)
    if not model.files:
        return [_("%(id)s is not installed") % {"id": model.id}]
    problems = []
    for file in model.files:
        path = folder / file.path
        if not path.is_file():
            problems.append(_("%(path)s is missing") % {"path": path})
        elif (actual := file_sha256(path)) != file.sha256:
            problems.append(
                _("%(path)s has sha256 %(actual)s, expected %(expected)s")
                % {"path": path, "actual": actual, "expected": file.sha256}
            )
    if problems:
        (folder / MANIFEST).unlink(missing_ok=True)
    return problems


def remove(model: Model, root: Path, say: Callable[[str], None] = print) -> bool:
    """Delete a model and what a download left of it; return whether there was anything."""
    if not (root / model.id).exists() and not work_dir(model, root).exists():
        return False
    with _lock(model, root, say):
        # The manifest goes first: what an interrupted removal leaves does not count as installed.
        (root / model.id / MANIFEST).unlink(missing_ok=True)
        for path in (root / model.id, work_dir(model, root)):
            if path.exists():
                shutil.rmtree(path)
    return True


@contextmanager
def _lock(model: Model, root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the model against other processes and checkouts that share the folder."""
    folder = root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{model.id}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(_("Another process is installing %(id)s, waiting for it") % {"id": model.id})
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
