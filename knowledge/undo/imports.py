"""An import, withdrawn alone: what it added, changed and removed is undone, later edits stay unless told.

::

    with recorded(planned.base, planned.source, keys, user):     # around what an import does
        ...
    steps = plan_withdrawal(record)                          # for the page
    withdraw(record, {"day"}, fingerprint(steps), user)      # "day" was edited since: its edit is undone, too

=========================== ====================================================
since the import            withdrawing
=========================== ====================================================
not touched                 as it was before the import
edited, deleted, made anew  a conflict: left as it is, or as before the import
back to what it was         nothing to do
=========================== ====================================================
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge.editing import ROWS_AT_ONCE
from knowledge.errors import KnowledgeError
from knowledge.models import ImportRecord, IndexVersion, KnowledgeBase, Snapshot, hash_of
from knowledge.text_diff import FieldChange
from knowledge.undo.entries import (
    Entries,
    EntryState,
    changes_between,
    pack,
    readable,
    says_the_same,
    state_of,
    unpack,
)
from knowledge.undo.restoring import bring_live, write_entries
from knowledge.undo.snapshots import Golden, expected, take


class WithdrawalError(KnowledgeError):
    """Nothing was changed; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__("withdraw", "refused", message)


class Step(enum.StrEnum):
    """What withdrawing an import means for one of its entries."""

    REVERT = "revert"
    CONFLICT = "conflict"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An entry before the import, after it, and now; None where there is none."""

    key: str
    before: EntryState | None
    after: EntryState | None
    now: EntryState | None

    @property
    def step(self) -> Step:
        if says_the_same(self.now, self.before):
            return Step.NOTHING
        return Step.REVERT if says_the_same(self.now, self.after) else Step.CONFLICT

    @property
    def title(self) -> str:
        state = self.before or self.after
        return state["content"]["title"] if state else self.key

    @property
    def changes(self) -> list[FieldChange]:
        """What withdrawing changes, from now to before the import."""
        return changes_between(self.now, self.before)


@contextmanager
def recorded(
    base: KnowledgeBase, source: str, keys: Sequence[str], user: User | None = None
) -> Iterator[None]:
    """Snapshot what is live, and record what is done inside to the entries of these keys."""
    if not keys:
        yield
        return
    with transaction.atomic():
        take(base, Snapshot.Kind.IMPORT, title=source, user=user)
        before, golden = entries_of(base, keys), expected(base)
        yield
        after = entries_of(base, keys)
        touched = [[key, before.get(key), after.get(key)] for key in keys]
        ImportRecord.objects.create(
            base=base,
            source=source[:200],
            user=user,
            added=sum(old is None for _key, old, _new in touched),
            changed=sum(old is not None and new is not None for _key, old, new in touched),
            removed=sum(new is None for _key, _old, new in touched),
            data=pack({"changes": touched, "golden": list(golden.items())}),
        )


def entries_of(base: KnowledgeBase, keys: Sequence[str]) -> Entries:
    """Return the documents of these keys that there are, as they are now."""
    found: Entries = {}
    for start in range(0, len(keys), ROWS_AT_ONCE):
        documents = base.documents.filter(key__in=keys[start : start + ROWS_AT_ONCE])
        found |= {document.key: state_of(document) for document in documents.prefetch_related("chunks")}
    return found


def plan_withdrawal(record: ImportRecord) -> list[Withdrawal]:
    """Return what withdrawing the import means for each of its entries, as they are now."""
    touched = unpack(record.data)["changes"]
    now = entries_of(record.base, [key for key, _before, _after in touched])
    return [Withdrawal(key, before, after, now.get(key)) for key, before, after in touched]


def fingerprint(steps: Sequence[Withdrawal]) -> str:
    """Equal exactly when withdrawing would do the same from the same."""
    return hash_of([[step.key, step.step, step.now and readable(step.now)] for step in steps])


@transaction.atomic
def withdraw(
    record: ImportRecord, overwrite: Iterable[str], seen: str, user: User | None = None
) -> IndexVersion | None:
    """Undo an import, and the later edits of the entries in ``overwrite``; raise WithdrawalError.

    ``seen`` is the fingerprint of what the operator decided on. Returns the version that is built, if any.
    """
    row = ImportRecord.objects.select_for_update().select_related("base").get(pk=record.pk)
    if row.withdrawn_at is not None:
        raise WithdrawalError(_("This import was withdrawn already."))
    steps = plan_withdrawal(row)
    if fingerprint(steps) != seen:
        raise WithdrawalError(
            _("The knowledge base changed since you looked. This is what withdrawing would do now.")
        )
    take(row.base, Snapshot.Kind.WITHDRAWAL, title=row.source, user=user)
    chosen = set(overwrite)
    wanted = {
        step.key: step.before
        for step in steps
        if step.step == Step.REVERT or (step.step == Step.CONFLICT and step.key in chosen)
    }
    reason = _("Import of {file} withdrawn").format(file=row.source)
    golden: Golden = dict(unpack(row.data)["golden"])
    changed = write_entries(row.base, wanted, reason=reason, user=user, golden=golden)
    row.withdrawn_at, row.withdrawn_by = timezone.now(), user
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    return bring_live(row.base, changed, reason, user)
