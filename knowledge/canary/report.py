"""The comparison of a canary for the page of versions.

::

    for row in report_rows(canary): row.name, row.draft, row.live, row.p
"""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.canary.decision import Measure, Side
from knowledge.canary.running import NAMES, shown
from knowledge.models import Canary


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A measure as people read it; ``is_worse``: beyond what chance allows."""

    name: str
    draft: str
    live: str
    p: str
    is_worse: bool


def report_rows(canary: Canary) -> list[ReportRow]:
    """Return a row for each measure; none before the first call has ended."""
    alpha = canary.report.get("alpha") or 0.0
    found = []
    for row in canary.report.get("rows", []):
        measure, p = Measure(row["measure"]), row["p"]
        found.append(
            ReportRow(
                str(NAMES[measure]),
                shown(measure, Side(*row["draft"])),
                shown(measure, Side(*row["live"])),
                "–" if p is None else f"{p:.4f}" if p < 0.01 else f"{p:.2f}",
                is_worse=p is not None and p <= alpha,
            )
        )
    return found
