"""What can hear, think and speak: backends by name, and what an operator may set on each.

::

    @backend("kokoro", stage="tts", label="Kokoro 82M", licence="Apache-2.0", capabilities={"streaming"})
    class Kokoro(LocalBackend):
        model: str = Field("kokoro-int8", description="Catalogue id.")

        def load(self, place: Place) -> LocalTTSEngine: ...

    get_backend("kokoro").parameters.model_json_schema()     # the form in the admin is built from it
    Kokoro.model_validate({"model": "kokoro-int8"}).load(place)

Titles and descriptions are marked for translation (``gettext_noop``) and translated where they are shown.
A backend is a pydantic model: its fields are the parameters, those of type ``SecretStr`` the secrets.
Importing this module loads no engine library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args

from django.utils.translation import gettext_noop as _
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from engines.catalog import Format, get_model, model_dir
from engines.memory import MIB, Demand, Device

Stage = Literal["stt", "llm", "tts", "embedding", "rerank"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Capability = Literal["streaming", "voices", "cloning", "hot_words"]


class ModelFilesError(Exception):
    """The files of a model cannot be used by this engine; the message says what to do."""


class RegistryError(LookupError):
    """There is no such backend; the message names those there are."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a local engine runs: how many threads it may use, and where it may keep files."""

    threads: int
    cache_dir: Path


class Backend(BaseModel):
    """The parameters of one engine; ``spec`` says what they are of."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    spec: ClassVar[BackendSpec]
    model_files: ClassVar[str] = "*"
    """Pattern of a file that the model's folder must have."""

    @classmethod
    def problems(cls) -> list[str]:
        """Return what it needs on this machine beside its packages and its model, and how to get it."""
        return []

    def known_voices(self, language: str = "") -> list[str] | None:  # noqa: ARG002
        """Return the names of its voices, of all languages or one; None: only the engine knows them."""
        return None

    def demand(self) -> Demand | None:
        """Return what it takes of this machine's memory, None when it runs elsewhere.

        Raises CatalogError or ModelFileError when its files do not tell.
        """
        return None


class LocalBackend(Backend):
    """An engine that the engine server loads into its own process."""

    model: str = Field(title=_("Model"), description=_("Catalogue id of the model (manage.py models list)."))

    def load(self, place: Place) -> Any:
        """Return the engine (see ``engines.local.base``); blocking, may take long and much memory."""
        raise NotImplementedError

    @property
    def runs_on(self) -> Device:
        return "cuda" if str(getattr(self, "device", "cpu")).startswith("cuda") else "cpu"

    def demand(self) -> Demand:
        folder = model_dir(self.model)
        return self.demand_of(folder) if folder.is_dir() else self._demand_of_catalogue()

    def demand_of(self, folder: Path) -> Demand:  # noqa: ARG002
        """Return what the installed model takes; backends that can tell from its files say it here."""
        return self._demand_of_catalogue()

    def _demand_of_catalogue(self) -> Demand:
        return Demand(self.runs_on, get_model(self.model).memory_mb * MIB)


class RemoteBackend(Backend):
    """An engine behind an OpenAI-compatible address, of a vendor or of another process of this house."""

    base_url: str = Field(
        pattern=r"^https?://[^/\s]+", title=_("Address"), description=_("With /v1 at its end.")
    )
    model: str = Field(min_length=1, title=_("Model"), description=_("Its name at that address."))
    api_key: SecretStr = Field(SecretStr("local"), title=_("Key"))


class ServerBackend(Backend):
    """A server that ``manage.py start`` runs and keeps alive on this machine; it speaks OpenAI's API itself.

    It is run while a profile names it: ``[program(), *arguments()]`` with ``environment()`` added to the
    environment. It is ready when ``health_url`` answers 200, and asked at ``base_url`` for ``served_name``.
    """

    model: str = Field(
        min_length=1,
        title=_("Model"),
        description=_("Catalogue id, or the absolute path of a folder with a model's files."),
    )
    port: int = Field(
        8110,
        ge=1024,
        le=65535,
        title=_("Port"),
        description=_("On 127.0.0.1; each server needs its own."),
    )

    @classmethod
    def program(cls) -> str:
        """What is run: a path, or a name on PATH."""
        raise NotImplementedError

    @classmethod
    def remedy(cls) -> str:
        """What to do when ``program`` is not there."""
        raise NotImplementedError

    def arguments(self) -> list[str]:
        """What ``program`` is given; ModelFilesError when the model's files cannot be served."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What is added to the environment of ``program``."""
        return {}

    def demand(self) -> Demand | None:
        folder = model_dir(self.model)
        if folder.is_dir():
            return self.demand_of(folder)
        return self.demand_of_catalogue()

    def demand_of_catalogue(self) -> Demand:
        """Return what the server is likely to take of a model that is not installed."""
        return Demand("cpu", get_model(self.model).memory_mb * MIB, process=self.process)

    def demand_of(self, folder: Path) -> Demand:
        """Return what the server takes with the model in ``folder``."""
        raise NotImplementedError

    @property
    def process(self) -> str:
        """What tells this server from others on the machine."""
        return f"{self.spec.name}-{self.port}"

    @property
    def served_name(self) -> str:
        """What clients call the model."""
        return Path(self.model).name

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health"


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What is known of a backend without loading it.

    ``packages`` are import names that must be installed; ``extra`` the requirements file that has them.
    ``formats`` are those of the catalogue's models that it reads; empty: any.
    """

    name: str
    stage: Stage
    label: str
    licence: str
    commercial: bool
    parameters: type[Backend]
    capabilities: frozenset[Capability]
    packages: tuple[str, ...]
    extra: str
    formats: tuple[Format, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the parameters that are never shown again."""
        fields = self.parameters.model_fields.items()
        return tuple(name for name, field in fields if field.annotation is SecretStr)

    @property
    def is_local(self) -> bool:
        return issubclass(self.parameters, LocalBackend | ServerBackend)

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that are not installed here."""
        return tuple(name for name in self.packages if find_spec(name) is None)


B = TypeVar("B", bound=type[Backend])
_backends: dict[str, BackendSpec] = {}


def backend(
    name: str,
    *,
    stage: Stage,
    label: str,
    licence: str,
    commercial: bool = True,
    capabilities: Iterable[Capability] = (),
    packages: Iterable[str] = (),
    extra: str = "requirements.txt",
    formats: Iterable[Format] = (),
) -> Callable[[B], B]:
    """Register the decorated class under ``name``; a name is given once."""

    def register(parameters: B) -> B:
        if name in _backends:
            raise RuntimeError(f"two backends are called {name}")
        parameters.spec = _backends[name] = BackendSpec(
            name=name,
            stage=stage,
            label=label,
            licence=licence,
            commercial=commercial,
            parameters=parameters,
            capabilities=frozenset(capabilities),
            packages=tuple(packages),
            extra=extra,
            formats=tuple(formats),
        )
        return parameters

    return register


def backends(stage: Stage | None = None) -> Iterator[BackendSpec]:
    """Yield every backend, or those of one stage."""
    import_module("engines.backends")
    yield from (spec for spec in _backends.values() if stage in (None, spec.stage))


def get_backend(name: str) -> BackendSpec:
    """Return a backend by its name; RegistryError names those there are."""
    known = {spec.name: spec for spec in backends()}
    if name not in known:
        raise RegistryError(f"There is no backend {name!r}; there are: {', '.join(sorted(known))}.")
    return known[name]
