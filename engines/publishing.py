"""Which profiles may answer calls: those that fit into the budget of GPU memory, or were allowed not to.

::

    publish(profile)                             # BudgetError: over the budget; the message has the figures
    publish(profile, override_by=request.user)   # recorded: who, when, by how much
    check_edit(profile, engines)                 # before a published profile is saved with other engines

An override holds for as many MB as were confirmed: a later edit that needs more is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from engines.fit import ProfileFit, fit_of, profile_fit
from engines.models import BackendProfile, EngineConfig

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class BudgetError(Exception):
    """The engines of a profile exceed the budget; the message has the figures."""


def publish(profile: BackendProfile, override_by: User | None = None) -> None:
    """Let calls use ``profile``; BudgetError when it is over the budget and nobody confirmed that much."""
    fit = profile_fit(profile)
    if not fit.over_mb:
        profile.override_mb, profile.override_by, profile.override_at = 0, None, None
    elif override_by is not None:
        profile.override_mb, profile.override_by = fit.over_mb, override_by
        profile.override_at = timezone.now()
    else:
        _check(profile, fit)
    profile.is_published = True
    profile.save()


def unpublish(profile: BackendProfile) -> None:
    """Take ``profile`` from calls; an override ends with it."""
    profile.is_published = False
    profile.override_mb, profile.override_by, profile.override_at = 0, None, None
    profile.save()


def check_edit(profile: BackendProfile, engines: Iterable[EngineConfig]) -> None:
    """Raise BudgetError when ``profile`` is published and these engines would take it over its budget."""
    if profile.is_published:
        _check(profile, fit_of(engines))


def over_without_override(profile: BackendProfile) -> int:
    """Return by how many MB more than confirmed a published profile exceeds the budget."""
    if not profile.is_published:
        return 0
    return max(0, profile_fit(profile).over_mb - profile.override_mb)


def _check(profile: BackendProfile, fit: ProfileFit) -> None:
    if fit.over_mb <= profile.override_mb:
        return
    text = _("The profile %(profile)s is %(over)s MB over the budget (%(figures)s).")
    values = {"profile": profile.name, "over": fit.over_mb, "figures": fit.summary}
    raise BudgetError(text % values)
