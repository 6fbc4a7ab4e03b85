"""The catalogue of models: what ``engines/catalog.toml`` says, typed.

::

    model = get_model("whisper-base")
    model.licence, model.commercial, model.size
    model_dir(model.id)                      # where its files lie once installed

Models that were made on this machine (``engines.local_models``) stand beside those of the file.
``docs/models.md`` explains the file's format; ``engines.fetch`` installs what is described here.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from aiker.config import Config

logger = logging.getLogger(__name__)

CATALOG = Path(__file__).with_name("catalog.toml")
# Beside the files of a snapshot or of a model made here: the model as it was installed, every file pinned.
RECORD = "aiker-model.json"

Kind = Literal["stt", "tts", "embedding", "rerank", "vad", "turn", "llm", "speaker"]
# What can read a model: CTranslate2, transformers (also GPTQ and AWQ), llama.cpp, onnxruntime, coqui-tts ...
Format = Literal["ctranslate2", "transformers", "gguf", "onnx", "xtts", "piper", "paddle", "torch"]
Scheme = Literal["hf", "modelscope", "pypi", "npm", "path"]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

# One pattern per scheme: package, version (revision of a hub), member.
_REFERENCES = {
    "hf": r"(?P<package>[^/@]+/[^/@]+)@(?P<version>[^/]+)/(?P<member>.+)",
    "modelscope": r"(?P<package>[^/@]+/[^/@]+)@(?P<version>[^/]+)/(?P<member>.+)",
    "pypi": r"(?P<package>[^/=]+)==(?P<version>[^/]+)/(?P<member>.+)",
    "npm": r"(?P<package>(?:@[^/@]+/)?[^/@]+)@(?P<version>[^/]+)/(?P<member>.+)",
    "path": r"(?P<package>)(?P<version>)(?P<member>[/~].+)",
}
MODEL_ID = r"^[a-z0-9][a-z0-9._-]*$"
_REPOSITORY = re.compile(r"(?P<scheme>hf|modelscope):(?P<package>[^/@]+/[^/@]+)@(?P<version>[^/]+)")


class CatalogError(Exception):
    """The catalogue is wrong, or has no such model; the message says which and what to do."""


@dataclass(frozen=True)
class Part:
    """One member of one package, or one file of a hub or of this machine.

    ``sha256`` and ``size`` (bytes, 0: unknown) are those of the whole package and empty for the others.
    ``wheel`` are the tags of the wheel of PyPI that is meant where each platform has its own.
    """

    scheme: Scheme
    package: str
    version: str
    member: str
    sha256: Sha256 | Literal[""] = ""
    size: Annotated[int, Field(ge=0)] = 0
    wheel: Annotated[str, StringConstraints(pattern=r"^(\w+-\w+-\w+)?$")] = ""

    @property
    def reference(self) -> str:
        """The package, without the member: ``pypi:name==1.0``."""
        return f"{self.scheme}:{self.package}{'==' if self.scheme == 'pypi' else '@'}{self.version}"


@dataclass(frozen=True)
class ModelFile:
    """One file of an installed model; any one of ``sources``, its parts joined, gives it."""

    path: str
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256
    sources: tuple[tuple[Part, ...], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A repository of a hub whose files are not listed here: the hub is asked for them when it is pulled.

    ``sources`` are repositories at a branch, tag or commit, any one of which gives the model. ``include``
    are patterns of paths; each must match something. Of ``"*.safetensors|*.bin"`` the first that matches
    counts. ``size`` is about the bytes on disk.
    """

    sources: Annotated[tuple[Part, ...], Field(min_length=1)]
    include: Annotated[tuple[str, ...], Field(min_length=1)]
    size: Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class Model:
    """One model. ``languages`` are BCP 47 codes; ``memory_mb`` is what it takes once loaded.

    ``remote_code``: its repository holds Python code that must run to load it. ``files`` is empty for a
    snapshot that is not installed. ``origin`` is what an installed snapshot was resolved to
    (``hf:owner/repo@commit``), or the command that made a model on this machine.
    """

    id: Annotated[str, StringConstraints(pattern=MODEL_ID)]
    kind: Kind
    name: str
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    licence: Annotated[str, StringConstraints(min_length=1)]
    licence_url: Annotated[str, StringConstraints(pattern=r"^(https://.+)?$")]
    commercial: bool
    memory_mb: Annotated[int, Field(gt=0)]
    format: Format
    remote_code: bool = False
    files: tuple[ModelFile, ...] = ()
    snapshot: Snapshot | None = None
    origin: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk, installed; about, for a snapshot that is not."""
        if self.snapshot and not self.files:
            return self.snapshot.size
        return sum(file.size for file in self.files)


MODEL = TypeAdapter(Model)


def load_catalog() -> dict[str, Model]:
    """Return the models by id: those of the catalogue in its order, then those made on this machine."""
    listed = read_catalog(CATALOG)
    made = {model.id: model for model in made_here(settings.AIKER.models) if model.id not in listed}
    return listed | made


def made_here(root: Path) -> list[Model]:
    """Return the models in ``root`` that no catalogue lists; a record that cannot be read is logged."""
    records = (recorded_at(path) for path in sorted(root.glob(f"[!.]*/{RECORD}")))
    return [model for model in records if model and not model.snapshot]


def recorded(model: Model, root: Path) -> Model:
    """Return ``model`` with the files that its installed snapshot has; as it is without one."""
    if not model.snapshot or model.files:
        return model
    path = root / model.id / RECORD
    record = recorded_at(path) if path.exists() else None
    return replace(model, files=record.files, origin=record.origin) if record else model


def recorded_at(path: Path) -> Model | None:
    """Read the record beside a model; None, and a line in the log, when it is wrong."""
    try:
        model = MODEL.validate_json(path.read_bytes())
        for file in model.files:
            check_relative(model.id, file.path)
    except (OSError, ValidationError, CatalogError) as exc:
        logger.warning("%s cannot be read, the model is left out: %s", path, exc)
        return None
    return model if model.id == path.parent.name else None


@cache
def read_catalog(path: Path) -> dict[str, Model]:
    """Read and check a catalogue file; raise CatalogError that names what is wrong in it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        packages: dict[str, Any] = document.get("packages", {})
        entries = {
            model_id: {
                **entry,
                "id": model_id,
                "files": _files(model_id, entry, packages),
                "snapshot": _snapshot(model_id, entry),
            }
            for model_id, entry in document["models"].items()
        }
        models = TypeAdapter(dict[str, Model]).validate_python(
            {model_id: {k: v for k, v in entry.items() if k != "sets"} for model_id, entry in entries.items()}
        )
        for model in models.values():
            _check_complete(model)
    except ValidationError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        raise CatalogError(f"{path.name}:\n  " + "\n  ".join(lines)) from None
    except (tomllib.TOMLDecodeError, KeyError) as exc:
        raise CatalogError(f"{path.name}: {exc}") from exc
    return models


def get_model(model_id: str) -> Model:
    """Return one model of the catalogue; an unknown id raises CatalogError naming the known ones."""
    models = load_catalog()
    if model_id not in models:
        raise CatalogError(
            _("Unknown model “%(id)s”. Known models: %(known)s.")
            % {"id": model_id, "known": ", ".join(sorted(models))}
        )
    return models[model_id]


def format_problem(model: Model, formats: Sequence[Format]) -> str:
    """Say why an engine that reads ``formats`` (empty: any) cannot read ``model``, or return ""."""
    if not formats or model.format in formats:
        return ""
    problem = _("The model %(model)s is in the format %(format)s; this engine reads %(formats)s.") % {
        "model": model.id,
        "format": model.format,
        "formats": ", ".join(formats),
    }
    if (model.kind, model.format) == ("stt", "transformers") and "ctranslate2" in formats:
        problem += " " + _("Run: manage.py models convert %(model)s") % {"model": model.id}
    return problem


def model_dir(model_id: str) -> Path:
    """Return the folder of a model's files, installed or not; an absolute path is the folder itself."""
    return settings.AIKER.models / model_id


def machine_size() -> tuple[int, int]:
    """Return (cores this process may use, memory in MB) of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return cores, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def default_models(config: Config) -> list[str]:
    """Return the ids that these settings need beside the language model (``llm_choice``), each once."""
    engines = [config.stt_model, config.tts_model, config.embedding_model]
    return list(dict.fromkeys([*engines, "silero-vad", "smart-turn-v3"]))


def _files(model_id: str, entry: dict[str, Any], packages: dict[str, Any]) -> list[dict[str, Any]]:
    """Flatten the sets of a model: each file with its own sources, ``{path}`` filled in."""
    files = []
    for file_set in entry.get("sets", []):
        for file in file_set["files"]:
            check_relative(model_id, file["path"])
            sources = [
                tuple(
                    _part(model_id, ref.replace("{path}", file["path"]), packages) for ref in _parts(source)
                )
                for source in file_set["sources"]
            ]
            for source in sources:
                if len(source) > 1 and not all(part.sha256 for part in source):
                    raise CatalogError(f"{model_id}: only members of pypi: and npm: packages can be joined")
            files.append({**file, "sources": tuple(sources)})
    return files


def _snapshot(model_id: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    if "snapshot" not in entry:
        return None
    snapshot = dict(entry["snapshot"])
    sources = []
    for reference in snapshot.get("sources", []):
        match = _REPOSITORY.fullmatch(reference)
        if not match:
            raise CatalogError(f"{model_id}: cannot read the repository “{reference}” (docs/models.md)")
        sources.append(Part(**match.groupdict(), member=""))  # type: ignore[arg-type]
    return {**snapshot, "sources": tuple(sources)}


def _check_complete(model: Model) -> None:
    if bool(model.files) == bool(model.snapshot):
        raise CatalogError(f"{model.id}: either sets or a snapshot")
    if not model.licence_url:
        raise CatalogError(f"{model.id}: licence_url is empty")
    for file in model.files:
        if not file.sources or not file.size:
            raise CatalogError(f"{model.id}: {file.path} has no sources, or a size of 0")


def _parts(source: str | list[str]) -> list[str]:
    return [source] if isinstance(source, str) else source


def _part(model_id: str, reference: str, packages: dict[str, Any]) -> Part:
    scheme, _colon, rest = reference.partition(":")
    match = re.fullmatch(_REFERENCES.get(scheme, r"(?!)"), rest)
    if not match:
        raise CatalogError(f"{model_id}: cannot read the source “{reference}” (docs/models.md has the forms)")
    pin: dict[str, Any] = {}
    if scheme in ("pypi", "npm"):
        package = reference.removesuffix("/" + match["member"])
        if package not in packages:
            raise CatalogError(f"{model_id}: [packages] has no sha256 for “{package}”")
        pin = packages[package]
    if scheme != "path":
        check_relative(model_id, match["member"])
    return Part(scheme=scheme, **match.groupdict(), **pin)  # type: ignore[arg-type]


def check_relative(model_id: str, path: str) -> None:
    """Refuse a path that could leave the model's folder (or name none)."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\\" in path or path != str(pure):
        raise CatalogError(f"{model_id}: “{path}” is not a plain relative path")
