"""What a truth bench found, in tables. Pure.

::

    print(lists(graded))              # false, beside, wrongly refused, disputed: question, answer, rule
    print(table(graded))              # each kind and all of them, with 95 % intervals
    print(side_by_side({"auto": graded, "written": others}))
    metrics(graded)                   # for ``bench.report``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from bench.report import Metric
from bench.truth_grading import Question, Verdict

FALSE_TARGET, BESIDE_TARGET, HELPFUL_TARGET = 0.5, 5.0, 92.0
COLUMNS = ("false", "beside", "refused", "helpful")


@dataclass(frozen=True, slots=True)
class Graded:
    """One question, and what came of it; ``way`` is how the answer was made ("written", "model", ...).

    ``heard`` is what was understood of a question by voice.
    """

    question: Question
    said: str
    verdict: Verdict
    way: str = ""
    heard: str = ""

    def counts_as(self, column: str) -> bool:
        return self.verdict.helpful if column == "helpful" else self.verdict.decision == column


def wilson(hits: int, among: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (0..1) by Wilson's score."""
    if among == 0:
        return 0.0, 1.0
    share, square = hits / among, z * z / among
    middle = (share + square / 2) / (1 + square)
    half = z * sqrt(share * (1 - share) / among + square / (4 * among)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def table(graded: Sequence[Graded]) -> str:
    """Return a line for each kind, and one for all, in percent with intervals."""
    kinds = dict.fromkeys(item.question.kind for item in graded)
    groups = {kind: [item for item in graded if item.question.kind == kind] for kind in kinds}
    return "\n".join(
        [head("kind"), *(row(kind, group) for kind, group in groups.items()), row("all", graded)]
    )


def head(first: str) -> str:
    return f"{first:16} {'asked':>5}  " + "".join(f"{name:>23}" for name in COLUMNS)


def row(name: str, graded: Sequence[Graded]) -> str:
    cells = (_cell(sum(item.counts_as(column) for item in graded), len(graded)) for column in COLUMNS)
    return f"{name:16} {len(graded):5}  " + "".join(f"{cell:>23}" for cell in cells)


def _cell(hits: int, among: int) -> str:
    low, high = wilson(hits, among)
    return f"{hits:3} {percent(hits, among):5.1f} ({100 * low:4.1f}-{100 * high:5.1f})"


def percent(hits: int, among: int) -> float:
    return 100 * hits / among if among else 0.0


def side_by_side(modes: Mapping[str, Sequence[Graded]]) -> str:
    """Return a line for each mode."""
    return "\n".join([head("mode"), *(row(mode, graded) for mode, graded in modes.items())])


def lists(graded: Sequence[Graded]) -> str:
    """Return everything that a person may want to read: what is wrong, and what is disputed."""
    unhelpful = [item for item in graded if not item.verdict.helpful]
    parts = {
        "false": listed(graded, "false"),
        "beside": listed(graded, "beside"),
        "refused though the base knows": listed(unhelpful, "refused"),
        "disputed": disputed(graded),
    }
    return "\n\n".join(f"{name}:\n{lines}" for name, lines in parts.items() if lines)


def listed(graded: Sequence[Graded], decision: str) -> str:
    """Return the answers of one decision, each with what decided."""
    return "\n".join(line(item) for item in graded if item.verdict.decision == decision)


def disputed(graded: Sequence[Graded]) -> str:
    """Return the answers that a person might judge otherwise, with the reason."""
    return "\n".join(line(item) for item in graded if item.verdict.disputed)


def line(item: Graded) -> str:
    asked = " / ".join([*item.question.before, item.question.question])
    parts = [
        item.question.id,
        asked,
        *([f"heard: {item.heard}"] if item.heard else []),
        item.said or "(nothing)",
    ]
    verdict = item.verdict
    reason = f"{verdict.decision}: {verdict.rule}" + (f" [{verdict.disputed}]" if verdict.disputed else "")
    return " | ".join([*parts, item.way, reason])


def metrics(graded: Sequence[Graded], name: str = "") -> Iterator[Metric]:
    """Yield the shares of all questions; ``name`` (a mode) goes before each."""
    wanted = {"false": FALSE_TARGET, "beside": BESIDE_TARGET, "refused": None, "helpful": HELPFUL_TARGET}
    for column, target in wanted.items():
        value = percent(sum(item.counts_as(column) for item in graded), len(graded))
        yield Metric(
            f"{name} {column}".strip(),
            round(value, 2),
            f"% of {len(graded)}",
            target,
            "higher" if column == "helpful" else "lower",
        )
