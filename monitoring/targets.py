"""Which target stands beside a figure, where several are set for its metric.

::

    targets_of("assistant:anna")["stt"].threshold     # ms
    threshold_of("total")                             # None: nothing is demanded of it

The page of a call asks by a signal: calls do not know this package.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from aiker.calls.call_page.page import target_asked
from monitoring.models import Target
from monitoring.turns import TOTAL

PERCENTILE = 95
"""The one that pages show figures of, where there is a target of it."""


def targets_of(scope: str = "") -> dict[str, Target]:
    """Return the target of each metric: of the scope, else of everything; of the 95th, else the highest."""
    found = Target.objects.filter(is_active=True, scope__in=["", scope])
    ranked = sorted(found, key=lambda t: (t.scope == scope, t.percentile == PERCENTILE, t.percentile))
    return {target.metric: target for target in ranked}


def threshold_of(metric: str, scope: str = "") -> float | None:
    target = targets_of(scope).get(metric)
    return target.threshold if target else None


@receiver(target_asked)
def of_voice_to_voice(assistant: str, **_: Any) -> float | None:
    return threshold_of(TOTAL, f"assistant:{assistant}" if assistant else "")
