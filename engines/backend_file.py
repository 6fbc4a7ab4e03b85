"""``ai_backend.yaml``: every engine and profile as text, without secrets.

::

    text = export()
    changes = apply(text)        # the database now holds what the file says, keys of vendors kept

The same file applied twice changes nothing the second time.
"""

from __future__ import annotations

from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as FileError

from engines.models import BackendProfile, EngineConfig, Mode, Route
from engines.profiles import engine_problems, problems
from engines.publishing import BudgetError, publish, unpublish
from engines.registry import RegistryError

HEADER = "# Engines and profiles; manage.py ai_backend export|apply (docs/engines.md). Holds no keys.\n"


class BackendFileError(Exception):
    """The file cannot be applied, and nothing was changed; the message names each problem."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slug: str = Field(pattern=r"^[-a-zA-Z0-9_]{1,50}$")
    name: str = Field(min_length=1, max_length=80)


class _Engine(_Entry):
    backend: str
    parameters: dict[str, Any] = {}


class _Route(BaseModel):
    model_config = ConfigDict(extra="forbid")
    engine: str
    timeout_ms: int = Field(5000, ge=100)


class _Profile(_Entry):
    mode: Mode
    published: bool = True
    routes: list[_Route] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    engines: list[_Engine] = []
    profiles: list[_Profile] = []


def export() -> str:
    """Return the whole configuration as YAML."""
    engines = [
        {"slug": e.slug, "name": e.name, "backend": e.backend, "parameters": e.parameters}
        for e in EngineConfig.objects.order_by("slug")
    ]
    profiles = [
        {
            "slug": profile.slug,
            "name": profile.name,
            "mode": profile.mode,
            "published": profile.is_published,
            "routes": [
                {"engine": route.engine.slug, "timeout_ms": route.timeout_ms}
                for route in profile.routes.select_related("engine")
            ],
        }
        for profile in BackendProfile.objects.order_by("slug")
    ]
    document = {"engines": engines, "profiles": profiles}
    return HEADER + yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def apply(text: str) -> list[str]:
    """Make the database say what ``text`` says; return what is still missing for calls.

    Raises BackendFileError when the file is wrong, names an unknown engine, leaves out a profile that an
    assistant uses, or publishes one over the budget of GPU memory; then nothing is changed.
    """
    file = _parse(text)
    try:
        with transaction.atomic():
            engines = {entry.slug: _apply_engine(entry) for entry in file.engines}
            profiles = [_apply_profile(entry, engines) for entry in file.profiles]
            BackendProfile.objects.exclude(pk__in=[profile.pk for profile in profiles]).delete()
            EngineConfig.objects.exclude(slug__in=engines).delete()
    except ProtectedError as exc:
        users = ", ".join(str(user) for user in exc.protected_objects)
        raise BackendFileError(
            _("The file leaves out what is in use by: %(users)s") % {"users": users}
        ) from exc
    lacking = [f"{e.slug}: {problem}" for e in engines.values() for problem in engine_problems(e)]
    return lacking + [f"{p.slug}: {problem}" for p in profiles for problem in problems(p)]


def _parse(text: str) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as exc:
        raise BackendFileError(_("This is not YAML: %(error)s") % {"error": exc}) from exc
    except FileError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        raise BackendFileError("\n".join(lines)) from exc


def _apply_engine(entry: _Engine) -> EngineConfig:
    engine = EngineConfig.objects.filter(slug=entry.slug).first() or EngineConfig(slug=entry.slug)
    if engine.backend != entry.backend:
        engine.sealed = ""  # another backend, another vendor
    engine.name, engine.backend, engine.parameters = entry.name, entry.backend, entry.parameters
    try:
        if named := set(engine.spec.secrets) & set(entry.parameters):
            text = _("%(names)s is a key: enter it in the admin, not in the file")
            raise BackendFileError(f"{entry.slug}: {text % {'names': ', '.join(sorted(named))}}")
        engine.full_clean()
    except RegistryError as exc:
        raise BackendFileError(f"{entry.slug}: {exc}") from exc
    except ValidationError as exc:
        raise BackendFileError(f"{entry.slug}: {'; '.join(exc.messages)}") from exc
    engine.save()
    return engine


def _apply_profile(entry: _Profile, engines: dict[str, EngineConfig]) -> BackendProfile:
    unknown = [route.engine for route in entry.routes if route.engine not in engines]
    if unknown:
        text = _("There is no engine %(names)s in the file") % {"names": ", ".join(unknown)}
        raise BackendFileError(f"{entry.slug}: {text}")
    values = {"name": entry.name, "mode": entry.mode}
    profile, _created = BackendProfile.objects.update_or_create(slug=entry.slug, defaults=values)
    profile.routes.all().delete()
    Route.objects.bulk_create(
        Route(profile=profile, engine=engines[route.engine], position=position, timeout_ms=route.timeout_ms)
        for position, route in enumerate(entry.routes, start=1)
    )
    _apply_publishing(entry, profile)
    return profile


def _apply_publishing(entry: _Profile, profile: BackendProfile) -> None:
    if not entry.published:
        return unpublish(profile)
    try:
        publish(profile)
    except BudgetError as exc:
        hint = _("Only the admin can allow that: say published: false here, and publish it there.")
        raise BackendFileError(f"{entry.slug}: {exc} {hint}") from exc
