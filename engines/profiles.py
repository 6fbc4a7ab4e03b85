"""What a profile means for a call: who is asked in what order, and what stands in its way.

::

    problems(profile)                    # [] when calls can be answered with it
    plan = engine_plan(profile, "zh")    # None: the engines of the settings
    plan.stt                             # (Endpoint(...), ...) in the order they are asked

Both read the database: not for the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import ValidationError as ParametersError

from engines.catalog import CatalogError, format_problem, get_model, model_dir
from engines.fetch import is_installed
from engines.models import BackendProfile, EngineConfig, Mode, Route, StageChoice
from engines.registry import Backend, LocalBackend, RegistryError, RemoteBackend, ServerBackend
from engines.revisions import model_revision, revision_of
from engines.routing import Endpoint
from engines.secrets import SecretsError
from engines.servers import server_problems

TRIAL_TIMEOUT_S = 30.0
NEEDED = (StageChoice.STT, StageChoice.LLM, StageChoice.TTS)


class ProfileError(Exception):
    """No call can be answered with this profile; the message names each problem."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """The engines of a call, by stage, in the order they are asked; without reranking when it has none.

    What embeds a question is no choice of the profile: the index was built with it.
    """

    profile: str
    mode: str
    stt: tuple[Endpoint, ...]
    llm: tuple[Endpoint, ...]
    tts: tuple[Endpoint, ...]
    rerank: tuple[Endpoint, ...] = ()


def engine_plan(profile: BackendProfile | None, language: str) -> EnginePlan:
    """Return the plan of ``profile`` (None: of the settings) for calls in ``language``, or ProfileError."""
    if profile is None:
        return default_plan()
    found = problems(profile, frozenset({language}))
    if not profile.is_published:
        found.insert(0, _("The profile %(profile)s is not published.") % {"profile": profile.name})
    if found:
        raise ProfileError("; ".join(found))
    routes = list(profile.routes.select_related("engine"))
    stages = {stage.value: _endpoints(profile, routes, stage) for stage in (*NEEDED, StageChoice.RERANK)}
    return EnginePlan(profile.slug, profile.mode, **stages)


def default_plan() -> EnginePlan:
    """Return the engines that the settings name: those of this machine."""
    config = settings.AIKER
    here = {"stt": config.stt_model, "tts": config.tts_model}
    stt, tts = (Endpoint(model, config.engines_url, model) for model in here.values())
    tts = replace(tts, revision=model_revision(config.tts_model))
    llm = Endpoint(config.llm_model, config.llm_url, config.llm_model)
    return EnginePlan("", Mode.LOCAL, (stt,), (llm,), (tts,))


def problems(profile: BackendProfile, languages: frozenset[str] = frozenset()) -> list[str]:
    """Return what keeps calls from being answered with ``profile``, each with the engine's name.

    ``languages`` are those its assistants speak.
    """
    routes = list(profile.routes.select_related("engine"))
    missing = [stage for stage in NEEDED if not any(route.engine.stage == stage for route in routes)]
    found = [_("No engine for %(stage)s.") % {"stage": stage.label} for stage in missing]
    for route in routes:
        about = engine_problems(route.engine, languages) or _place_problems(profile, route.engine)
        found += [f"{route.engine.name}: {problem}" for problem in about]
    return found


def engine_problems(engine: EngineConfig, languages: frozenset[str] = frozenset()) -> list[str]:
    """Return what keeps ``engine`` from working here."""
    try:
        spec, built = engine.spec, engine.build()
    except (RegistryError, SecretsError) as exc:
        return [str(exc)]
    except ParametersError as exc:
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
    if spec.missing:
        return [
            _("The packages %(packages)s are not installed. Run: pip install -r %(extra)s")
            % {"packages": ", ".join(spec.missing), "extra": spec.extra}
        ]
    if isinstance(built, ServerBackend):
        return _model_problems(built, languages) or server_problems(engine, built)
    return _model_problems(built, languages) if isinstance(built, LocalBackend) else []


def is_local(backend: Backend) -> bool:
    """Whether what is said to this engine stays in this house."""
    if not isinstance(backend, RemoteBackend):
        return True
    return urlsplit(backend.base_url).hostname in settings.AIKER.local_hosts


def _model_problems(backend: LocalBackend | ServerBackend, languages: frozenset[str]) -> list[str]:
    if backend.model.startswith("/"):
        return _file_problems(backend)
    try:
        model = get_model(backend.model)
    except CatalogError as exc:
        return [str(exc)]
    found = backend.problems()
    if model.kind != backend.spec.stage:
        found.append(_("The model %(model)s is for %(kind)s.") % {"model": model.id, "kind": model.kind})
    if problem := format_problem(model, backend.spec.formats):
        found.append(problem)
    if not is_installed(model, settings.AIKER.models):
        found.append(
            _("The model %(model)s is not installed. Run: manage.py models pull %(model)s")
            % {"model": model.id}
        )
    if lacking := languages - set(model.languages) - ({*languages} if "mul" in model.languages else set()):
        found.append(
            _("The model %(model)s does not speak %(languages)s.")
            % {"model": model.id, "languages": ", ".join(sorted(lacking))}
        )
    return found or _file_problems(backend)


def _file_problems(backend: LocalBackend | ServerBackend) -> list[str]:
    folder = model_dir(backend.model)
    if any(folder.glob(backend.model_files)):
        return []
    return [
        _("%(folder)s has no %(files)s, which %(backend)s needs.")
        % {"folder": folder, "files": backend.model_files, "backend": backend.spec.name}
    ]


def _place_problems(profile: BackendProfile, engine: EngineConfig) -> list[str]:
    if profile.mode != Mode.LOCAL or is_local(built := engine.build()):
        return []
    assert isinstance(built, RemoteBackend)
    return [
        _("%(host)s is not a host of this house, and the profile is local (AIKER_LOCAL_HOSTS).")
        % {"host": urlsplit(built.base_url).hostname}
    ]


def _endpoints(profile: BackendProfile, routes: list[Route], stage: StageChoice) -> tuple[Endpoint, ...]:
    """Return the engines of a stage: hybrid asks local ones first, api the others, both in their order."""
    chosen = [(route, route.engine.build()) for route in routes if route.engine.stage == stage]
    if profile.mode != Mode.LOCAL:
        first = profile.mode == Mode.HYBRID
        chosen.sort(key=lambda pair: is_local(pair[1]) != first)
    return tuple(_endpoint(route.engine.slug, built, route.timeout_ms / 1000) for route, built in chosen)


def endpoint_of(engine: EngineConfig, timeout_s: float = TRIAL_TIMEOUT_S) -> Endpoint:
    """Return where ``engine`` is reached; its parameters must be valid (``engine_problems``)."""
    return _endpoint(engine.slug, engine.build(), timeout_s)


def _endpoint(slug: str, backend: Backend, timeout_s: float) -> Endpoint:
    voice = str(getattr(backend, "voice", ""))
    revision = revision_of(backend) if backend.spec.stage == StageChoice.TTS else ""
    if isinstance(backend, RemoteBackend):
        key = backend.api_key.get_secret_value()
        return Endpoint(slug, backend.base_url, backend.model, key, timeout_s, voice, revision)
    if isinstance(backend, ServerBackend):
        return Endpoint(slug, backend.base_url, backend.served_name, timeout_s=timeout_s)
    return Endpoint(
        slug, settings.AIKER.engines_url, slug, timeout_s=timeout_s, voice=voice, revision=revision
    )
