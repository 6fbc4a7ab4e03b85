"""Index versions as rows: asked for, kept, removed.

::

    version = request_version(base, "bulk import", user=request.user)
    version.base.versions.all()        # newest first
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge.canary.running import end
from knowledge.errors import KnowledgeError
from knowledge.manifest import Manifest
from knowledge.models import Canary, IndexVersion, KnowledgeBase, Snapshot
from knowledge.passages import fingerprint, passages_of
from knowledge.store import Store, open_store
from knowledge.writing import manifest_path, remove_manifest

log = logging.getLogger(__name__)

MAX_EDITS = 20
"""From more changed documents a version is built: callers never hear half of a large change."""
ROLLBACK_VERSIONS = 2
"""Replaced versions that stay, to go back to."""
GRACE = timedelta(hours=1)
"""Others stay this long: a turn that began with one is long over."""


@transaction.atomic
def request_version(
    base: KnowledgeBase,
    reason: str,
    *,
    user: User | None = None,
    publish: bool = True,
    restores: Snapshot | None = None,
) -> IndexVersion:
    """Ask for a version built from all documents; one that is being built for the base is given up for it.

    One that ``restores`` what was live before goes live without its golden questions.
    """
    base.versions.filter(state=IndexVersion.State.BUILDING).update(
        state=IndexVersion.State.FAILED, error=_("Given up for a newer one.")
    )
    return IndexVersion.objects.create(
        base=base,
        collection_name=f"{base.slug}-{uuid.uuid4().hex[:12]}",
        embedding_model=settings.AIKER.embedding_model,
        reason=reason,
        requested_by=user,
        publish_when_ready=publish,
        restores=restores,
        document_count=base.documents.count(),
    )


def give_up_drafts(base: KnowledgeBase, reason: str) -> None:
    """Give up every version that was never live: its documents were rolled back."""
    never_live = base.versions.filter(activated_at=None).exclude(state=IndexVersion.State.FAILED)
    never_live.update(state=IndexVersion.State.FAILED, error=_("Given up: {reason}").format(reason=reason))
    for canary in base.canaries.filter(ended_at=None):
        end(canary, Canary.Outcome.STOPPED, reason)


def unfinished() -> Q:
    """Return what is still to be built, or is built and about to be published or refused."""
    newest = Q(base__active_version=None) | Q(pk__gt=F("base__active_version_id"))
    built = Q(state=IndexVersion.State.READY, publish_when_ready=True, activated_at=None, error="")
    return Q(state=IndexVersion.State.BUILDING) | (built & newest)


def is_current(version: IndexVersion) -> bool:
    """Whether the version holds the documents as they are, by the present model; raise StoreError."""
    path = manifest_path(version.collection_name)
    if version.embedding_model != settings.AIKER.embedding_model or not path.exists():
        return False
    with Manifest.read(path) as manifest:
        held, vectors = manifest.fingerprints(), manifest.counts()[2]
    documents = version.base.documents.select_related("base").prefetch_related("chunks")
    if held != {document.pk: fingerprint(passages_of(document)) for document in documents.iterator(1000)}:
        return False
    return open_store().count(version.collection_name) == vectors


def keep(version: IndexVersion, **fields: Any) -> bool:
    """Store what a build has come to; False: it was given up meanwhile, and nothing is stored."""
    for name, value in fields.items():
        setattr(version, name, value)
    return bool(
        IndexVersion.objects.filter(pk=version.pk, state=IndexVersion.State.BUILDING).update(**fields)
    )


def versions_that_take_edits(base: KnowledgeBase) -> list[IndexVersion]:
    """Return the live version and those that may go live after it."""
    coming = Q(state__in=[IndexVersion.State.BUILDING, IndexVersion.State.READY], retired_at=None)
    if base.active_version_id:
        coming &= Q(pk__gt=base.active_version_id)
    return list(
        base.versions.filter(coming | Q(pk=base.active_version_id))
        .select_related("base__active_version")
        .order_by("pk")
    )


def remove_old_versions(base: KnowledgeBase, store: Store) -> None:
    """Delete what no call reads and nobody goes back to, an hour after it was replaced or came to nothing.

    The live one, the newest that waits to be published, one that serves some calls, the latest failure and
    the last two replaced stay.
    """
    base.refresh_from_db()
    replaced = base.versions.filter(retired_at__isnull=False, activated_at__isnull=False)
    stay = [base.active_version_id, *ids(replaced.order_by(F("retired_at").desc())[:ROLLBACK_VERSIONS])]
    stay += ids(base.versions.filter(state=IndexVersion.State.FAILED)[:1])
    stay += ids(base.versions.filter(state=IndexVersion.State.READY, activated_at=None)[:1])
    stay += ids(base.versions.filter(canaries__in=base.canaries.filter(ended_at=None)))
    old = timezone.now() - GRACE
    gone = base.versions.exclude(pk__in=[pk for pk in stay if pk]).exclude(state=IndexVersion.State.BUILDING)
    for version in gone.filter(Q(retired_at__lt=old) | Q(retired_at=None, created_at__lt=old)):
        try:
            store.remove(version.collection_name)
        except KnowledgeError as error:
            log.warning("index version %s is kept for now: %s", version, error)
            return
        remove_manifest(version.collection_name)
        version.delete()


def ids(versions: Any) -> list[int]:
    return [version.pk for version in versions]
