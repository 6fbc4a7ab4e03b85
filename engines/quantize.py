"""``manage.py models quantize``: a language model in 4-bit integers by GPTQ, a Whisper in 8-bit ones.

::

    made = quantize_model("glm-4-9b-chat", settings.AIKER.models, say=print)
    made.model.id                                # "glm-4-9b-chat-gptq-4bit", in the catalogue from now on
    made.before.memory_mb, made.after.memory_mb  # measured: each loaded and run in a process of its own

GPTQ is llm-compressor's; its pins need an environment of their own (``AIKER_QUANTIZE_PYTHON``).
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from engines.catalog import CatalogError, Format, Kind, Model, get_model
from engines.conversions import convert_model
from engines.fetch import is_installed
from engines.local_models import register_local, workshop
from engines.worker_process import Say, run_worker

KNOWLEDGE = settings.BASE_DIR / "knowledge" / "data" / "onesuite-business-data.json"
# Of the texts every eighth is kept from the calibration: the perplexity is measured on these.
HELD_OUT_EVERY = 8
# What Python and the libraries take beside the model.
EXTRA_MB = 400
LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ChatGLMModel")


@dataclass(frozen=True)
class Footprint:
    """What a model takes: bytes on disk; MB (2**20) of memory it keeps once it has run, and at most.

    ``weights_mb`` is the part of its tensors, ``perplexity`` that of the held-out text. What was not
    measured is None.
    """

    disk: int
    memory_mb: float
    peak_mb: float
    weights_mb: float | None = None
    perplexity: float | None = None


@dataclass(frozen=True)
class Quantized:
    """The new model, and both as they were measured."""

    model: Model
    before: Footprint
    after: Footprint


def quantize_model(
    source: str,
    root: Path,
    *,
    bits: int | None = None,
    to: str = "",
    calibration: Path | None = None,
    say: Say = print,
) -> Quantized:
    """Quantise ``source`` (an installed model's id, or a folder) into ``root`` as ``to``.

    A language model goes to 4 bits (or 8), a Whisper to 8. ``calibration`` is a text file; without it the
    sample knowledge base is read. Raises CatalogError with what to do, WorkerError when a step fails.
    """
    model, folder = find_source(source, root)
    if (folder / "config.json").is_file() and "quantization_config" in _config(folder):
        raise CatalogError(_("%(id)s is quantised already.") % {"id": model.id})
    if (model.kind, model.format) == ("llm", "transformers"):
        return _gptq(model, folder, root, bits or 4, to, read_texts(calibration), say)
    if model.kind == "stt" and bits == 4:
        raise CatalogError(_("Whisper runs on CTranslate2, which has 8-bit integers at the least: --bits 8."))
    if (model.kind, model.format) == ("stt", "transformers"):
        return _int8(source, model, folder, root, to, say)
    if (model.kind, model.format) == ("stt", "ctranslate2"):
        raise CatalogError(_already_ctranslate2(model, folder, say))
    if model.format == "gguf":
        raise CatalogError(
            _("%(id)s is in llama.cpp's format. Take a file of fewer bits, or llama.cpp's llama-quantize.")
            % {"id": model.id}
        )
    raise CatalogError(
        _("%(id)s is of kind %(kind)s and format %(format)s; language models and Whisper can be quantised.")
        % {"id": model.id, "kind": model.kind, "format": model.format}
    )


def find_source(source: str, root: Path) -> tuple[Model, Path]:
    """Return what is to be quantised and where it lies: a folder, or an installed model."""
    if Path(source).is_dir():
        return _described(Path(source)), Path(source).resolve()
    model = get_model(source)
    if not is_installed(model, root):
        raise CatalogError(
            _("The model %(model)s is not installed. Run: manage.py models pull %(model)s")
            % {"model": model.id}
        )
    return model, root / model.id


def read_texts(calibration: Path | None) -> list[str]:
    """Return the calibration texts: the lines of a file, or the questions and answers of the sample data."""
    if calibration is None:
        entries = json.loads(KNOWLEDGE.read_text(encoding="utf-8"))["entries"]
        return [
            "\n".join([entry["question"], *entry.get("alternative_questions", []), entry["answer"]])
            for entry in entries
        ]
    try:
        lines = [line for line in calibration.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as exc:
        raise CatalogError(
            _("%(file)s cannot be read: %(error)s") % {"file": calibration, "error": exc}
        ) from exc
    if len(lines) < HELD_OUT_EVERY:
        raise CatalogError(
            _("%(file)s has %(count)d lines of text; at least %(least)d are needed, some hundred are good.")
            % {"file": calibration, "count": len(lines), "least": HELD_OUT_EVERY}
        )
    return lines


def _gptq(
    model: Model, folder: Path, root: Path, bits: int, to: str, texts: list[str], say: Say
) -> Quantized:
    python: Path = settings.AIKER.quantize_python
    if not python.exists():
        raise CatalogError(
            _("Quantising a language model needs %(python)s. Run: %(command)s")
            % {"python": python, "command": "make quantize-venv"}
        )
    wanted = to or f"{model.id}-gptq-{bits}bit"
    remote = ["--remote-code"] if model.remote_code else []
    held_out = texts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    read = [text for number, text in enumerate(texts, start=1) if number % HELD_OUT_EVERY]
    with workshop(wanted, root) as made, _text_file(read) as given, _text_file(held_out) as asked:

        def measure(path: Path) -> Footprint:
            return _measured(python, "llm", path, "--texts", asked, *remote)

        say(_("Measuring %(id)s") % {"id": model.id})
        before = measure(folder)
        say(
            _("Quantising %(id)s to %(bits)d bits; on a CPU this takes hours for a large model")
            % {"id": model.id, "bits": bits}
        )
        run_worker(python, "gptq", folder, made, "--texts", given, "--bits", bits, *remote, say=say)
        say(_("Measuring %(id)s") % {"id": wanted})
        after = measure(made)
        registered = _register(model, wanted, f"GPTQ, {bits} bit", after, made, root)
    return Quantized(registered, before, replace(after, disk=registered.size))


def _int8(source: str, model: Model, folder: Path, root: Path, to: str, say: Say) -> Quantized:
    python = Path(sys.executable)
    made = convert_model(source, root, quantization="int8", to=to)
    say(_("Measuring %(id)s") % {"id": model.id})
    before = _measured(python, "whisper", folder)
    say(_("Measuring %(id)s") % {"id": made.id})
    after = _measured(python, "ctranslate2", root / made.id, "--compute-type", "int8")
    return Quantized(made, before, replace(after, disk=made.size))


def _already_ctranslate2(model: Model, folder: Path, say: Say) -> str:
    say(_("Measuring %(id)s") % {"id": model.id})
    plain, int8 = (
        _measured(Path(sys.executable), "ctranslate2", folder, "--compute-type", compute_type).memory_mb
        for compute_type in ("float32", "int8")
    )
    return _(
        "%(id)s is in CTranslate2's format, which is not written anew. Set the engine's precision to int8: "
        "the model is quantised as it is loaded. Measured here: %(int8).0f MB, without it %(plain).0f MB."
    ) % {"id": model.id, "int8": int8, "plain": plain}


def _measured(python: Path, form: str, folder: Path, *options: object) -> Footprint:
    figures = json.loads(run_worker(python, "footprint", form, folder, *options)[-1])
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Footprint(disk=disk, **figures)


def _register(model: Model, wanted: str, how: str, after: Footprint, made: Path, root: Path) -> Model:
    described = replace(
        model,
        id=wanted,
        name=f"{model.name} ({how})",
        memory_mb=round(after.peak_mb) + EXTRA_MB,
        files=(),
        snapshot=None,
        origin=f"python manage.py models quantize {model.id} --to {wanted}",
    )
    return register_local(described, made, root)


@contextmanager
def _text_file(texts: list[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts), encoding="utf-8")
        yield path


def _described(folder: Path) -> Model:
    """Describe a folder that no catalogue lists: its licence is not known here."""
    kind, form = _kind(folder)
    name = folder.resolve().name
    return Model(
        id=re.sub(r"[^a-z0-9._-]+", "-", name.lower()).lstrip(".-_") or "model",
        kind=kind,
        name=name,
        languages=("mul",),
        licence="not stated",
        licence_url="",
        commercial=False,
        memory_mb=1,
        format=form,
    )


def _kind(folder: Path) -> tuple[Kind, Format]:
    if any(folder.glob("*.gguf")):
        return "llm", "gguf"
    config = _config(folder)
    if config.get("model_type") == "whisper":
        return "stt", "transformers"
    if (folder / "model.bin").is_file() and any(folder.glob("vocabulary.*")):
        return "stt", "ctranslate2"
    if any(str(name).endswith(LANGUAGE_MODELS) for name in config.get("architectures") or ()):
        return "llm", "transformers"
    raise CatalogError(
        _("%(folder)s is neither a language model nor a Whisper in the format of transformers.")
        % {"folder": folder}
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise CatalogError(
            _("%(file)s cannot be read (%(error)s); a folder of transformers has one.")
            % {"file": path, "error": exc}
        ) from exc
    return config if isinstance(config, dict) else {}
