"""``manage.py models convert``: checkpoints of transformers for engines that need no torch.

A Whisper becomes one for faster-whisper (CTranslate2), a BGE embedder or reranker one for onnxruntime.

::

    made = convert_model("belle-whisper-large-v3-zh", settings.AIKER.models, quantization="int8")
    made.id                     # "belle-whisper-large-v3-zh-int8", known to the catalogue from now on
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from django.utils.translation import gettext as _

from engines.catalog import CatalogError, Kind, Model, get_model
from engines.export_onnx import ExportError, export_bge
from engines.fetch import is_installed
from engines.local.base import BadRequestError
from engines.local_models import register_local, workshop

Quantization = Literal["float32", "float16", "int8_float16", "int8"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
NEEDED = ("torch", "transformers")
CONVERTED = ("stt", "embedding", "rerank")
# What the engine takes beside the weights.
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
    suffix = quantization.replace("_", "-") if model.kind == "stt" else "onnx"
    wanted = to or f"{model.id}-{suffix}"
    with workshop(wanted, root) as made:
        try:
            what = _convert(model, folder, made, quantization)
        except (BadRequestError, ExportError) as exc:
            raise CatalogError(str(exc)) from exc
        weights_mb = sum(path.stat().st_size for path in made.glob("model.*")) // 2**20
        options = f" --quantization {quantization}" if model.kind == "stt" else ""
        made_model = replace(
            model,
            id=wanted,
            name=f"{model.name} ({what})",
            memory_mb=weights_mb + EXTRA_MB,
            format="ctranslate2" if model.kind == "stt" else "onnx",
            files=(),
            snapshot=None,
            origin=f"python manage.py models convert {source}{options} --to {wanted}",
        )
        return register_local(made_model, made, root)


def _convert(model: Model, folder: Path, made: Path, quantization: Quantization) -> str:
    """Write the converted files into ``made`` and say what they are."""
    if model.kind == "stt":
        from engines.local.whisper_conversion import convert

        convert(folder, made, quantization)
        return f"CTranslate2, {quantization}"
    assert model.kind in ("embedding", "rerank")
    export_bge(folder, made, model.kind)
    return "ONNX"


def _source(source: str, root: Path) -> tuple[Model, Path]:
    """Return what is to be converted and where it lies."""
    if Path(source).is_dir():
        return _described(Path(source)), Path(source)
    model = get_model(source)
    if model.kind not in CONVERTED or model.format != "transformers":
        raise CatalogError(
            _(
                "%(id)s is of kind %(kind)s and format %(format)s; "
                "only %(kinds)s in transformers are converted."
            )
            % {
                "id": model.id,
                "kind": model.kind,
                "format": model.format,
                "kinds": ", ".join(CONVERTED),
            }
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
        kind=_kind(folder),
        name=name,
        languages=("mul",),
        licence="not stated",
        licence_url="",
        commercial=False,
        memory_mb=1,
        format="transformers",
    )


def _kind(folder: Path) -> Kind:
    """Tell from its configuration what a folder is; a Whisper when it tells nothing."""
    try:
        architectures = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures")
    except (OSError, ValueError, AttributeError):
        architectures = None
    name = str((architectures or ["Whisper"])[0])
    if name.startswith("Whisper"):
        return "stt"
    return "rerank" if name.endswith("ForSequenceClassification") else "embedding"
