"""How much may still go wrong: a target of the 95th percentile allows five per cent of turns to be over it.

::

    budget = error_budget(target, now)
    budget.used             # 0.4: of what thirty days allow
    budget.burn_rate        # 2.0: in the last hour twice as fast as would just last
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.models import Rollup, Target
from monitoring.rollups import start_of, stretches
from monitoring.sketches import merged
from monitoring.turns import STAGES, TOTAL

DAYS = 30


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    used: float
    burn_rate: float


def error_budget(target: Target, now: datetime) -> ErrorBudget | None:
    """Return the budget of a target of the latency; None for others, and without turns in that time."""
    allowed = 1 - target.percentile / 100
    month = _share_over(target, Rollup.Step.DAY, now, timedelta(days=DAYS))
    if not allowed or month is None:
        return None
    hour = _share_over(target, Rollup.Step.HOUR, now, timedelta(hours=1)) or 0.0
    return ErrorBudget(month / allowed, hour / allowed)


def _share_over(target: Target, step: int, now: datetime, length: timedelta) -> float | None:
    if target.metric not in (TOTAL, *STAGES):
        return None
    since = start_of(step, now - length)
    found = stretches(step, target.scope, since, now, [target.metric]).values()
    whole = merged(sketches[target.metric] for sketches in found)
    return whole.share_above(target.threshold) if whole.count else None
