"""``manage.py check --database default``: engine profiles that calls cannot use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError
from django.utils.translation import gettext as _

from engines.models import BackendProfile
from engines.profiles import problems


@register(Tags.database)
def check_profiles(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Return engines.W001 for each problem of each profile."""
    if not databases:
        return []
    try:
        profiles = list(BackendProfile.objects.all())
    except DatabaseError:
        return []  # before the first migration there is none
    hint = _("Open the profile in the admin, or apply a file with manage.py ai_backend.")
    return [
        Warning(f"{profile.slug}: {problem}", hint=hint, id="engines.W001")
        for profile in profiles
        for problem in problems(profile)
    ]
