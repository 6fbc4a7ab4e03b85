"""What the page of a base's index versions shows. Reads the database, changes nothing.

::

    rows = version_rows(base, request.user)
    any(row.under_way for row in rows)          # the page asks again in 2 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from knowledge.canary.report import ReportRow, report_rows
from knowledge.golden_report import Figure, compared_figures, last_run
from knowledge.models import Canary, GoldenRun, IndexVersion, KnowledgeBase, Snapshot


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with what may be done with it by who looks; ``run`` is its last one with figures."""

    version: IndexVersion
    is_live: bool
    percent: int
    remaining: str
    asking: bool
    run: GoldenRun | None
    figures: list[Figure]
    can_publish: bool
    can_override: bool
    can_roll_back: bool
    can_try: bool
    canary: Canary | None
    canary_rows: list[ReportRow]

    @property
    def on_trial(self) -> bool:
        """Whether it serves some calls now."""
        return self.canary is not None and self.canary.ended_at is None

    @property
    def compared(self) -> bool:
        """Whether there is a run of the live version beside its own."""
        return any(figure.other for figure in self.figures)

    @property
    def under_way(self) -> bool:
        return self.asking or self.on_trial or self.version.state == IndexVersion.State.BUILDING


def version_rows(base: KnowledgeBase, user: User | AnonymousUser) -> list[VersionRow]:
    """Return the versions of a base, newest first."""
    live_run = last_run(base.active_version)
    versions = base.versions.select_related("requested_by", "published_by")
    return [version_row(version, base.active_version_id, live_run, user) for version in versions]


def version_row(
    version: IndexVersion, live: int | None, live_run: GoldenRun | None, user: User | AnonymousUser
) -> VersionRow:
    run = last_run(version)
    unfinished = version.golden_runs.filter(assistant="", finished_at=None)
    asking = any(run.is_under_way for run in unfinished)
    is_live = version.pk == live
    free = version.state == IndexVersion.State.READY and not is_live and not asking
    may = free and user.has_perm("knowledge.publish_version")
    fresh = version.activated_at is None
    failed = run is not None and not run.passed
    canary = version.canaries.select_related("started_by", "ended_by").first()
    trial = Canary.objects.filter(base_id=version.base_id, ended_at=None).exists()
    return VersionRow(
        version,
        is_live,
        round(100 * version.done_count / version.document_count) if version.document_count else 0,
        remaining(version),
        asking,
        run,
        compared_figures(run, live_run) if run else [],
        can_publish=may and fresh,
        can_override=may and fresh and failed and user.has_perm("knowledge.override_gate"),
        can_roll_back=may and version.snapshots.filter(kind=Snapshot.Kind.LIVE).exists(),
        can_try=may and fresh and live is not None and not trial,
        canary=canary,
        canary_rows=report_rows(canary) if canary else [],
    )


def remaining(version: IndexVersion) -> str:
    """Return how long a build will still take, in words; empty before that can be told."""
    left = version.remaining
    if left is None:
        return ""
    seconds = max(1, round(left.total_seconds()))
    if seconds < 90:
        return ngettext("about %(n)d second left", "about %(n)d seconds left", seconds) % {"n": seconds}
    return ngettext("about %(n)d minute left", "about %(n)d minutes left", round(seconds / 60)) % {
        "n": round(seconds / 60)
    }


def chosen_base(wanted: str) -> tuple[KnowledgeBase | None, Any]:
    """Return the base with that short name, else the first one; and all bases."""
    bases = list(KnowledgeBase.objects.select_related("active_version"))
    return next((base for base in bases if base.slug == wanted), bases[0] if bases else None), bases


def outcome_of_request(override: bool) -> str:
    if override:
        return _("It goes live once its golden questions were asked, whatever they give. This is recorded.")
    return _("Its golden questions are being asked; it goes live when they allow.")
