"""Canaries as rows: started, ended, and what the page shows of their comparison.

::

    canary = start(version, share=20, patterns=["138*"], user=user)     # CanaryError says why not
    end(canary, Canary.Outcome.STOPPED, reason, user)
    note(canary, comparison, 68, 68)    # keeps the figures; rolls the draft back when it is worse
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from knowledge.canary.assignment import Rule
from knowledge.canary.decision import Comparison, Measure, Row, Side
from knowledge.errors import KnowledgeError
from knowledge.models import Canary, IndexVersion, KnowledgeBase

NAMES = {
    Measure.MISSES: gettext_lazy("questions without an answer"),
    Measure.GUARD_STOPS: gettext_lazy("turns that the guard stopped"),
    Measure.TRANSFERS: gettext_lazy("calls transferred to a person"),
    Measure.HANG_UPS: gettext_lazy("calls hung up during an answer"),
    Measure.LATENCY: gettext_lazy("wait for the answer (median)"),
}


class CanaryError(KnowledgeError):
    """Nothing was started; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__("canary", "refused", message)


@transaction.atomic
def start(version: IndexVersion, share: int, patterns: list[str], user: User | None = None) -> Canary:
    """Let a draft serve a share of the calls that begin from now on, and those from matching numbers."""
    base = KnowledgeBase.objects.select_for_update().get(pk=version.base_id)
    if version.state != IndexVersion.State.READY or version.pk == base.active_version_id:
        raise CanaryError(_("Only a version that is ready and not live can be tried on calls."))
    if base.active_version_id is None:
        raise CanaryError(_("Nothing is live yet that it could be compared with: publish it instead."))
    if base.canaries.filter(ended_at=None).exists():
        raise CanaryError(_("A version is being tried on calls already; stop that first."))
    if not 0 <= share <= 100 or not (share or patterns):
        raise CanaryError(_("Give a share of calls from 1 to 100 percent, or numbers of callers."))
    return Canary.objects.create(
        base=base,
        version=version,
        compared_with_id=base.active_version_id,
        share=share,
        patterns=patterns,
        started_by=user,
    )


def end(canary: Canary, outcome: Canary.Outcome, reason: str = "", user: User | None = None) -> bool:
    """End a canary; False: it was over already. Calls that the draft serves keep it to their end."""
    canary.ended_at, canary.outcome, canary.reason, canary.ended_by = timezone.now(), outcome, reason, user
    fields = {name: getattr(canary, name) for name in ("ended_at", "outcome", "reason", "ended_by")}
    return bool(Canary.objects.filter(pk=canary.pk, ended_at=None).update(**fields))


def end_for_publication(version: IndexVersion, user: User | None) -> None:
    """End the canary of a base in which a version goes live."""
    for canary in Canary.objects.filter(base_id=version.base_id, ended_at=None):
        if canary.version_id == version.pk:
            end(canary, Canary.Outcome.PROMOTED, _("It was made live for all calls."), user)
        else:
            end(canary, Canary.Outcome.STOPPED, _("Another version went live."), user)


def rule_of(canary: Canary) -> Rule:
    return Rule(f"canary-{canary.pk}", canary.share, tuple(canary.patterns))


def note(canary: Canary, comparison: Comparison, ended: int, looked_at: int) -> bool:
    """Keep a comparison with its canary; return whether the draft was rolled back for it.

    ``ended`` calls there were, ``looked_at`` of them when a comparison was due last.
    """
    report = as_json(comparison, canary.report) | {"ended": ended, "looked_at": looked_at}
    looks = canary.looks + bool(comparison.look)
    Canary.objects.filter(pk=canary.pk, ended_at=None).update(looks=looks, report=report)
    if not comparison.worse:
        return False
    return end(canary, Canary.Outcome.ROLLED_BACK, reason_of(comparison))


def reason_of(comparison: Comparison) -> str:
    """Return why a draft is rolled back, with its figures beside those of the live version."""
    rows = [row for row in comparison.rows if row.measure in comparison.worse]
    text = _("{name}: {draft} with the draft, {live} with the live version (p = {p:.4f})")
    return "\n".join(
        text.format(
            name=NAMES[row.measure],
            draft=shown(row.measure, row.draft),
            live=shown(row.measure, row.live),
            p=row.p,
        )
        for row in rows
    )


def shown(measure: Measure, side: Side) -> str:
    """Return a figure for people: "7 of 20 (35%)", or "1250 ms"."""
    if side.value is None:
        return "–"
    if measure == Measure.LATENCY:
        return f"{round(side.value)} ms"
    return _("{count} of {of} ({share:.0%})").format(count=side.count, of=side.of, share=side.value)


def as_json(comparison: Comparison, before: Any) -> dict[str, Any]:
    """Return a comparison as the row keeps it; figures that were not tested keep the p of the last test."""
    tested_before = {row["measure"]: row["p"] for row in before.get("rows", [])}
    calls = [comparison.draft_calls, comparison.live_calls]
    return {
        "calls": calls,
        "tested_at": sum(calls) if comparison.look else before.get("tested_at"),
        "alpha": comparison.look.alpha if comparison.look else before.get("alpha"),
        "rows": [
            row_as_json(row, tested_before.get(row.measure) if row.p is None else row.p)
            for row in comparison.rows
        ],
    }


def row_as_json(row: Row, p: float | None) -> dict[str, Any]:
    sides = {"draft": row.draft, "live": row.live}
    return {
        "measure": row.measure.value,
        "p": p,
        **{name: [side.count, side.of, side.value] for name, side in sides.items()},
    }
