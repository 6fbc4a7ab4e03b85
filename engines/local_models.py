"""Models that were made on this machine: converted or quantised from others.

::

    made = replace(get_model("belle"), id="belle-ct2", format="ctranslate2", snapshot=None, files=(),
                   origin="models convert belle")
    with workshop(made.id, root) as folder:
        ...                                        # write the model's files into it
        register_local(made, folder, root)         # from now on get_model("belle-ct2") knows it

A model made here lies in ``<models>/<id>`` as any other, with a record (``aiker-model.json``) that stands
for its entry in the catalogue: ``models list``, ``verify`` and ``remove`` and the admin treat it alike.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.utils.translation import gettext as _

from engines.catalog import CATALOG, MODEL, MODEL_ID, RECORD, CatalogError, Model, ModelFile, read_catalog
from engines.download import file_sha256
from engines.install import MANIFEST, manifest


@contextmanager
def workshop(model_id: str, root: Path) -> Iterator[Path]:
    """Give an empty folder beside the models to make one in; it is gone afterwards, whatever happens."""
    check_new_id(model_id, root)
    folder = root / f".{model_id}.making"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def register_local(model: Model, folder: Path, root: Path) -> Model:
    """Move a finished ``folder`` to ``root`` as ``model`` and return it with its files.

    ``model.origin`` says how it was made. The folder must be on the disk of ``root``: the model appears by
    one rename. Raises CatalogError when the id is taken.
    """
    check_new_id(model.id, root)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = tuple(
        ModelFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_sha256(path))
        for path in paths
    )
    made = MODEL.validate_python(replace(model, files=files, snapshot=None))
    (folder / RECORD).write_bytes(MODEL.dump_json(made, indent=1))
    (folder / MANIFEST).write_text(json.dumps(manifest(made), indent=1))
    folder.rename(root / made.id)
    return made


def check_new_id(model_id: str, root: Path) -> None:
    """Raise CatalogError when the id is not one, or a model has it in the catalogue or on the disk."""
    if not re.fullmatch(MODEL_ID, model_id):
        raise CatalogError(
            _("“%(id)s” cannot be an id: small letters, digits, dots and dashes only.") % {"id": model_id}
        )
    if model_id in read_catalog(CATALOG):
        raise CatalogError(_("“%(id)s” is a model of the catalogue; choose another id.") % {"id": model_id})
    if (root / model_id).exists():
        raise CatalogError(
            _("There is a model “%(id)s” already. Choose another id, or run: %(command)s")
            % {"id": model_id, "command": f"python manage.py models remove {model_id}"}
        )
