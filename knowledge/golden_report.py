"""What a run of golden questions says: what fails, what changed since another run, why it is refused. Pure.

::

    failures(run)                               # the results that are wrong
    differences = compare(run, live_run)        # newly_failing, newly_fixed
    compared_figures(run, live_run)             # rows for a table
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from knowledge.golden import is_given
from knowledge.models import GoldenRun, IndexVersion

# Figures in the order of the tables: name, label, how it is written, whether more is better.
FIGURES = (
    ("given", gettext_lazy("among the passages that are answered from"), "share", True),
    ("hit1", gettext_lazy("first hit (hit@1)"), "share", True),
    ("hit3", gettext_lazy("among the first 3 (hit@3)"), "share", True),
    ("mrr", gettext_lazy("mean reciprocal rank (MRR)"), "number", True),
    ("facts", gettext_lazy("passages hold the facts"), "share", True),
    ("refused", gettext_lazy("unanswerable refused"), "share", True),
    ("right", gettext_lazy("answers right"), "share", True),
    ("answers_refused", gettext_lazy("unanswerable refused in the answer"), "share", True),
    ("median_ms", gettext_lazy("search, median (ms)"), "ms", False),
    ("p95_ms", gettext_lazy("search, 95% within (ms)"), "ms", False),
    ("token_median_ms", gettext_lazy("first token, median (ms)"), "ms", False),
    ("token_p95_ms", gettext_lazy("first token, 95% within (ms)"), "ms", False),
)
WRITTEN = {"share": "{:.1%}", "number": "{:.3f}", "ms": "{:.0f}"}
# Which count of questions a share is of: of nothing it says nothing.
OF = dict.fromkeys(("given", "hit1", "hit3", "mrr", "facts", "right"), "answerable") | dict.fromkeys(
    ("refused", "answers_refused"), "unanswerable"
)
CHANGED = {"share": "{:+.1%}", "number": "{:+.3f}", "ms": "{:+.0f}"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a table: ``other`` and ``change`` are empty without a run to compare with."""

    name: str
    label: Any
    value: str
    other: str = ""
    change: str = ""
    better: bool | None = None


@dataclass(frozen=True, slots=True)
class Differences:
    newly_failing: list[dict[str, Any]]
    newly_fixed: list[dict[str, Any]]


def last_run(version: IndexVersion | None, assistant: str = "") -> GoldenRun | None:
    """Return the last finished run of a version in which something was asked."""
    if version is None:
        return None
    runs = version.golden_runs.filter(assistant=assistant, finished_at__isnull=False, error="")
    # The results are long, and most pages show the figures alone.
    return runs.exclude(figures={}).exclude(results=[]).defer("results").first()


def compared_figures(run: GoldenRun, other: GoldenRun | None = None) -> list[Figure]:
    """Return the figures of a run, beside those of another where it has them."""
    before = other.figures if other and other.pk != run.pk else {}
    rows = []
    for name, label, kind, more_is_better in FIGURES:
        if name not in run.figures or (name in OF and not run.figures[OF[name]]):
            continue
        value = run.figures[name]
        if name not in before:
            rows.append(Figure(name, label, WRITTEN[kind].format(value)))
            continue
        change = value - before[name]
        shown = CHANGED[kind].format(change)
        same = not any(digit in shown for digit in "123456789")
        rows.append(
            Figure(
                name,
                label,
                WRITTEN[kind].format(value),
                WRITTEN[kind].format(before[name]),
                "±0" if same else shown,
                None if same or kind == "ms" else (change > 0) == more_is_better,
            )
        )
    return rows


def is_wrong(item: dict[str, Any]) -> bool:
    """Whether a wording went wrong: in an answer, or among the passages where none was asked for."""
    if "said" in item:
        return not item["right"]
    if item["answerable"]:
        return not is_given(item) or bool(item["lacks"])
    return bool(item["found"])


def failures(run: GoldenRun) -> list[dict[str, Any]]:
    """Return the wordings that went wrong: not found, without a fact, or answered though they must not be."""
    return [item for item in run.results if is_wrong(item)]


def compare(run: GoldenRun, other: GoldenRun) -> Differences:
    """Return the wordings of both runs that only one of them has right."""
    before = {identity(item): is_wrong(item) for item in other.results}
    shared = [item for item in run.results if identity(item) in before]
    return Differences(
        [item for item in shared if is_wrong(item) and not before[identity(item)]],
        [item for item in shared if not is_wrong(item) and before[identity(item)]],
    )


def identity(item: dict[str, Any]) -> tuple[int, str]:
    return item["question"], item["wording"]


def refusal(run: GoldenRun, limit: int = 10) -> str:
    """Return why a version is not published, with the questions that fail."""
    base = run.version.base
    head = _(
        "Not published: {hit:.0%} of the golden questions are answered from a right entry "
        "(at least {hit_limit:.0%}), "
        "{refused:.0%} of the unanswerable are refused (at least {refused_limit:.0%})."
    ).format(
        hit=run.figures["given"],
        hit_limit=base.gate_hit_rate,
        refused=run.figures["refused"],
        refused_limit=base.gate_refused,
    )
    return head + " " + _("These fail: {questions}").format(questions=named(failures(run), limit))


def named(items: Sequence[dict[str, Any]], limit: int) -> str:
    names = [f"“{item['wording']}”" for item in items[:limit]]
    if len(items) > limit:
        names.append(_("and {count} more").format(count=len(items) - limit))
    return "、".join(names)
