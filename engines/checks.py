"""``manage.py check --database default``: engine profiles that calls cannot use, or that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError
from django.utils.translation import gettext as _

from engines.fit import profile_fit
from engines.models import BackendProfile
from engines.profiles import problems
from engines.publishing import over_without_override


@register(Tags.database)
def check_profiles(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Return engines.W001 for each problem of each profile, W002 for a published one over the budget."""
    if not databases:
        return []
    try:
        profiles = list(BackendProfile.objects.all())
    except DatabaseError:
        return []  # before the first migration there is none
    hint = _("Open the profile in the admin, or apply a file with manage.py ai_backend.")
    unusable: list[CheckMessage] = [
        Warning(f"{profile.slug}: {problem}", hint=hint, id="engines.W001")
        for profile in profiles
        for problem in problems(profile)
    ]
    return unusable + [over_budget(profile) for profile in profiles if over_without_override(profile)]


def over_budget(profile: BackendProfile) -> CheckMessage:
    """A profile that was within the budget when it was published: the model or the setting has changed."""
    hint = _("Choose smaller engines or another AIKER_VRAM_BUDGET_MB, or publish it anew with an override.")
    return Warning(f"{profile.slug}: {profile_fit(profile).summary}", hint=hint, id="engines.W002")
