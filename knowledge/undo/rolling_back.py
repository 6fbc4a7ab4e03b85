"""Back to what was live at a snapshot: what callers hear and the documents, at once and together.

::

    version = roll_back(snapshot, user)          # None: live now, or within seconds; else once it is built
    roll_back_to_version(version, user)          # to what it held when it last went live
    restore_entries(snapshot, ["day"], user)     # some entries of it only, as edits
    differences(snapshot)                        # what would change, for the page

Nothing is lost: what is live now is kept as a snapshot before, and so are the documents where they differ
from it; every entry keeps its history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge import editing, publishing
from knowledge.errors import KnowledgeError
from knowledge.models import Document, IndexVersion, KnowledgeBase, Snapshot
from knowledge.passages import fingerprint, passages_of
from knowledge.status import held_by
from knowledge.text_diff import FieldChange
from knowledge.undo.entries import EntryState, changes_between, says_the_same
from knowledge.undo.restoring import bring_live, write_entries
from knowledge.undo.snapshots import contents, current_entries, live_entries, store, take
from knowledge.versions import MAX_EDITS, give_up_drafts, request_version


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry now and in a snapshot; None where there is none. ``changes`` lead from now to then."""

    key: str
    now: EntryState | None
    then: EntryState | None

    @property
    def title(self) -> str:
        state = self.then or self.now
        return state["content"]["title"] if state else self.key

    @property
    def changes(self) -> list[FieldChange]:
        return changes_between(self.now, self.then)


def differences(snapshot: Snapshot) -> list[Difference]:
    """Return the entries whose words differ from those of the snapshot, by their key."""
    then, now = contents(snapshot)[0], current_entries(snapshot.base)
    found = (Difference(key, now.get(key), then.get(key)) for key in sorted(then.keys() | now.keys()))
    return [entry for entry in found if not says_the_same(entry.now, entry.then)]


@transaction.atomic
def roll_back(snapshot: Snapshot, user: User | None = None) -> IndexVersion | None:
    """Make live, and the documents, what was live then; return the version that is built for it, if any.

    An index that still holds it, or all but a few entries of it, is switched to at once. Otherwise a version
    is built; its golden questions are not asked again, as they were when this was live. Drafts are given up:
    they hold what was rolled back.
    """
    base = KnowledgeBase.objects.select_for_update().get(pk=snapshot.base_id)
    _keep_present(base, user)
    reason = _("Back to the state of {moment}").format(moment=moment_of(snapshot))
    then, golden = contents(snapshot)
    wanted: dict[str, EntryState | None] = dict.fromkeys(current_entries(base))
    write_entries(base, wanted | then, reason=reason, user=user, golden=golden)
    give_up_drafts(base, reason)
    marks, titles = _documents(base)
    version, other = min(
        ((version, _unlike(marks, version)) for version in _candidates(base, snapshot)),
        key=lambda found: len(found[1]),
        default=(None, set(marks)),
    )
    if version is None or (len(other) > MAX_EDITS and marks):
        was_live = snapshot.kind != Snapshot.Kind.NOT_LIVE
        return request_version(base, reason, user=user, restores=snapshot if was_live else None)
    base.changes.all().delete()  # what was on its way is among those that differ
    for pk in sorted(other):
        editing.request(base.pk, pk, titles.get(pk, _("deleted entry")))
    if version.pk != base.active_version_id:
        publishing.switch(version, user, overridden=version.overridden)
        base.refresh_from_db(fields=["active_version"])
        store(base, Snapshot.Kind.LIVE, then, title=str(version), user=user)
    return None


def roll_back_to_version(to: IndexVersion, user: User | None = None) -> IndexVersion | None:
    """Go back to what a version held when it last went live; see ``roll_back``."""
    snapshot = to.snapshots.filter(kind=Snapshot.Kind.LIVE).first()
    if snapshot is None:
        raise KnowledgeError(
            "publish",
            "no_snapshot",
            _("Only what was live can be gone back to; of this version none is kept."),
        )
    return roll_back(snapshot, user)


@transaction.atomic
def restore_entries(snapshot: Snapshot, keys: Iterable[str], user: User | None = None) -> IndexVersion | None:
    """Write some entries as the snapshot has them, as one edits by hand; one that it has not is deleted."""
    base = snapshot.base
    reason = _("As in the snapshot of {moment}").format(moment=moment_of(snapshot))
    then, golden = contents(snapshot)
    wanted = {key: then.get(key) for key in keys}
    return bring_live(
        base, write_entries(base, wanted, reason=reason, user=user, golden=golden), reason, user
    )


def moment_of(snapshot: Snapshot) -> str:
    return f"{timezone.localtime(snapshot.created_at):%Y-%m-%d %H:%M:%S}"


def _keep_present(base: KnowledgeBase, user: User | None) -> None:
    """Keep what is live, and the documents as they are where they say something else."""
    if take(base, Snapshot.Kind.ROLL_BACK, user=user) is None:
        return
    live, current = live_entries(base), current_entries(base)
    if any(not says_the_same(live.get(key), current.get(key)) for key in live.keys() | current.keys()):
        store(base, Snapshot.Kind.NOT_LIVE, current, user=user)


def _candidates(base: KnowledgeBase, snapshot: Snapshot) -> list[IndexVersion]:
    """Return the versions that may hold what was live then; the one that was live then first."""
    found = [version for version in (snapshot.version, base.active_version) if version]
    model = settings.AIKER.embedding_model
    return [v for v in found if v.state == IndexVersion.State.READY and v.embedding_model == model]


def _documents(base: KnowledgeBase) -> tuple[dict[int, str], dict[int, str]]:
    """Return the fingerprints and the titles of all documents, by their ids."""
    marks: dict[int, str] = {}
    titles: dict[int, str] = {}
    for document in Document.objects.filter(base=base).prefetch_related("chunks").iterator(1000):
        marks[document.pk] = fingerprint(passages_of(document))
        titles[document.pk] = document.title
    return marks, titles


def _unlike(marks: dict[int, str], version: IndexVersion) -> set[int]:
    """Return the documents that a version does not hold as they are, or that it holds and there are not."""
    held = held_by(version)
    return {pk for pk in held.keys() | marks.keys() if held.get(pk) != marks.get(pk)}
