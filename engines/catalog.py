"""The catalogue of models: what ``engines/catalog.toml`` says, typed.

::

    model = get_model("whisper-base")
    model.licence, model.commercial, model.size
    model_dir(model.id)                      # where its files lie once installed

``docs/models.md`` explains the file's format; ``engines.fetch`` installs what is described here.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from aiker.config import Config

CATALOG = Path(__file__).with_name("catalog.toml")
SMALL_LLM, LARGE_LLM = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"

Kind = Literal["stt", "tts", "embedding", "vad", "llm"]
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


class CatalogError(Exception):
    """The catalogue is wrong, or has no such model; the message says which and what to do."""


@dataclass(frozen=True)
class Part:
    """One member of one package, or one file of a hub or of this machine.

    ``sha256`` and ``size`` (bytes, 0: unknown) are those of the whole package and empty for the others.
    """

    scheme: Scheme
    package: str
    version: str
    member: str
    sha256: Sha256 | Literal[""] = ""
    size: Annotated[int, Field(ge=0)] = 0

    @property
    def reference(self) -> str:
        """The package, without the member: ``pypi:name==1.0``."""
        return f"{self.scheme}:{self.package}{'==' if self.scheme == 'pypi' else '@'}{self.version}"


@dataclass(frozen=True)
class ModelFile:
    """One file of an installed model; any one of ``sources``, its parts joined, gives it."""

    path: str
    size: Annotated[int, Field(gt=0)]
    sha256: Sha256
    sources: Annotated[tuple[tuple[Part, ...], ...], Field(min_length=1)]


@dataclass(frozen=True)
class Model:
    """One model. ``languages`` are BCP 47 codes; ``memory_mb`` is what it takes once loaded."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    kind: Kind
    name: str
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    licence: Annotated[str, StringConstraints(min_length=1)]
    licence_url: Annotated[str, StringConstraints(pattern=r"^https://")]
    commercial: bool
    memory_mb: Annotated[int, Field(gt=0)]
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @property
    def size(self) -> int:
        """Bytes on disk, installed."""
        return sum(file.size for file in self.files)


def load_catalog() -> dict[str, Model]:
    """Return the models of the catalogue by id, in its order."""
    return read_catalog(CATALOG)


@cache
def read_catalog(path: Path) -> dict[str, Model]:
    """Read and check a catalogue file; raise CatalogError that names what is wrong in it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        packages: dict[str, Any] = document.get("packages", {})
        entries = {
            model_id: {**entry, "id": model_id, "files": _files(model_id, entry, packages)}
            for model_id, entry in document["models"].items()
        }
        models = TypeAdapter(dict[str, Model]).validate_python(
            {model_id: {k: v for k, v in entry.items() if k != "sets"} for model_id, entry in entries.items()}
        )
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


def model_dir(model_id: str) -> Path:
    """Return the folder of a model's files, installed or not; an absolute path is the folder itself."""
    return settings.AIKER.models / model_id


def choose_llm(cores: int, memory_mb: int) -> str:
    """Return the language model that a machine of this size can talk with.

    The larger one needs 6 cores to begin an answer within a second or so. A machine sold with 8 GB
    reports a little less than 8192 MB, since the firmware keeps some.
    """
    return LARGE_LLM if cores >= 6 and memory_mb >= 7500 else SMALL_LLM


def machine_size() -> tuple[int, int]:
    """Return (cores this process may use, memory in MB) of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return cores, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def default_models(config: Config) -> list[str]:
    """Return the ids that these settings need, each once, the LLM last because it is the largest."""
    llm = choose_llm(*machine_size()) if config.llm_model == "auto" else config.llm_model
    return list(
        dict.fromkeys([config.stt_model, config.tts_model, config.embedding_model, "silero-vad", llm])
    )


def _files(model_id: str, entry: dict[str, Any], packages: dict[str, Any]) -> list[dict[str, Any]]:
    """Flatten the sets of a model: each file with its own sources, ``{path}`` filled in."""
    files = []
    for file_set in entry.get("sets", []):
        for file in file_set["files"]:
            _check_relative(model_id, file["path"])
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
        _check_relative(model_id, match["member"])
    return Part(scheme=scheme, **match.groupdict(), **pin)  # type: ignore[arg-type]


def _check_relative(model_id: str, path: str) -> None:
    """Refuse a path that could leave the model's folder (or name none)."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\\" in path or path != str(pure):
        raise CatalogError(f"{model_id}: “{path}” is not a plain relative path")
