"""``manage.py models convert``: a Whisper checkpoint of transformers as a model that faster-whisper reads.

::

    made = convert_model("belle-whisper-large-v3-zh", settings.AIKER.models, quantization="int8")
    made.id                     # "belle-whisper-large-v3-zh-int8", known to the catalogue from now on
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from django.utils.translation import gettext as _

from engines.catalog import CatalogError, Model, get_model
from engines.fetch import is_installed
from engines.local.base import BadRequestError
from engines.local_models import register_local, workshop

Quantization = Literal["float32", "float16", "int8_float16", "int8"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
NEEDED = ("torch", "transformers")
# What CTranslate2 and the audio of a call take beside the weights.
EXTRA_MB = 200


def convert_model(source: str, root: Path, *, quantization: Quantization, to: str = "") -> Model:
    """Convert ``source`` (an installed model's id, or a folder) into ``root`` as ``to`` and return it.

    Without ``to`` the id is that of the source and the quantization. Raises CatalogError with what to do.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise CatalogError(
            _("Converting needs %(packages)s. Run: %(command)s")
            % {"packages": ", ".join(missing), "command": "pip install -r requirements/torch.txt"}
        )
    model, folder = _source(source, root)
    wanted = to or f"{model.id}-{quantization.replace('_', '-')}"
    origin = f"python manage.py models convert {source} --quantization {quantization} --to {wanted}"
    from engines.local.whisper_conversion import convert

    with workshop(wanted, root) as made:
        try:
            convert(folder, made, quantization)
        except BadRequestError as exc:
            raise CatalogError(str(exc)) from exc
        weights_mb = (made / "model.bin").stat().st_size // 2**20
        return register_local(
            replace(
                model,
                id=wanted,
                name=f"{model.name} (CTranslate2, {quantization})",
                memory_mb=weights_mb + EXTRA_MB,
                format="ctranslate2",
                files=(),
                snapshot=None,
                origin=origin,
            ),
            made,
            root,
        )


def _source(source: str, root: Path) -> tuple[Model, Path]:
    """Return what is to be converted and where it lies."""
    if Path(source).is_dir():
        return _described(Path(source)), Path(source)
    model = get_model(source)
    if (model.kind, model.format) != ("stt", "transformers"):
        raise CatalogError(
            _("%(id)s is of kind %(kind)s and format %(format)s; only stt in transformers can be converted.")
            % {"id": model.id, "kind": model.kind, "format": model.format}
        )
    if not is_installed(model, root):
        raise CatalogError(
            _("The model %(model)s is not installed. Run: manage.py models pull %(model)s")
            % {"model": model.id}
        )
    return model, root / model.id


def _described(folder: Path) -> Model:
    """Describe a folder that no catalogue lists: its licence is not known here."""
    name = folder.resolve().name
    model_id = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).lstrip(".-_") or "model"
    return Model(
        id=model_id,
        kind="stt",
        name=name,
        languages=("mul",),
        licence="not stated",
        licence_url="",
        commercial=False,
        memory_mb=1,
        format="transformers",
    )
