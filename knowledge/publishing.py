"""What callers hear changes here, and only here: one UPDATE of ``KnowledgeBase.active_version``.

::

    publish(version, user)                   # GateError names the golden questions that fail
    publish(version, user, override=True)    # all the same, and recorded
    publish(version, user, run=run)          # the run was begun before, where it can be seen

A turn keeps the version it began with; the next turn has the new one. Rolling back is the business of
``knowledge.undo.rolling_back``.
"""

from __future__ import annotations

import logging

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge import golden
from knowledge.canary.running import end_for_publication
from knowledge.contents import lacks_rehearsal
from knowledge.errors import KnowledgeError
from knowledge.golden_report import refusal
from knowledge.models import GoldenRun, IndexVersion, KnowledgeBase, Snapshot
from knowledge.undo.snapshots import take

log = logging.getLogger(__name__)


class GateError(KnowledgeError):
    """A version breaks a threshold of its golden questions, or lacks its rehearsal; the message says so."""

    def __init__(self, message: str) -> None:
        super().__init__("publish", "gate", message)


def publish(
    version: IndexVersion, user: User | None = None, *, override: bool = False, run: GoldenRun | None = None
) -> None:
    """Ask the golden questions of a version and make it live; raise GateError, or why none can be asked."""
    if version.state != IndexVersion.State.READY:
        raise not_ready()
    run = golden.carry_out(run or golden.begin(version, user))
    if not run.passed and not override:
        raise GateError(refusal(run))
    if lacks_rehearsal(version) and not override:
        raise GateError(_("Not published: a rehearsal of this version has to be passed first."))
    go_live(version, user, overridden=not run.passed)


def try_publish(version: IndexVersion) -> None:
    """Publish a version that was just built if its golden questions allow; the row says why it was not.

    One that restores what was live before goes live: its golden questions were asked then.
    """
    try:
        if version.restores_id:
            go_live(version, version.requested_by, overridden=False)
        else:
            publish(version, version.requested_by)
    except KnowledgeError as exc:
        log.warning("%s is built, not published: %s", version, exc.message)
        IndexVersion.objects.filter(pk=version.pk).update(error=exc.message)


@transaction.atomic
def go_live(version: IndexVersion, user: User | None, *, overridden: bool) -> None:
    """Make a version live that never was; snapshots keep what was live before, and what is now."""
    base = KnowledgeBase.objects.select_for_update().get(pk=version.base_id)
    if not IndexVersion.objects.filter(pk=version.pk, state=IndexVersion.State.READY).exists():
        raise not_ready()  # it was given up while its golden questions were asked
    take(base, Snapshot.Kind.PUBLICATION, title=str(version), user=user)
    switch(version, user, overridden=overridden)
    take(base, Snapshot.Kind.LIVE, title=str(version), user=user)


def not_ready() -> KnowledgeError:
    return KnowledgeError("publish", "not_ready", _("Only a version that is ready can be published."))


@transaction.atomic
def switch(version: IndexVersion, user: User | None, *, overridden: bool) -> None:
    """Make the version live in one UPDATE, and record who did it and what it replaced."""
    now = timezone.now()
    before = KnowledgeBase.objects.values_list("active_version_id", flat=True).get(pk=version.base_id)
    KnowledgeBase.objects.filter(pk=version.base_id).update(active_version=version)
    IndexVersion.objects.filter(pk=before).exclude(pk=version.pk).update(retired_at=now)
    version.activated_at, version.retired_at, version.published_by = now, None, user
    version.overridden, version.error = overridden, ""
    version.save(update_fields=["activated_at", "retired_at", "published_by", "overridden", "error"])
    end_for_publication(version, user)
