"""Ten planted drafts of the sample base, rehearsed with the real engines: five bad ones, five good ones.

A bad draft is a flipped negation, a wrong price, an offer that is over, a broken prompt, a worse voice; a
good one a reworded answer, a new wording of a question, a corrected typo, a reworded prompt, an equal voice
(``bench.rehearsal_cases``). Each question is spoken by three synthetic callers, and examiners hold
conversations.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report import Metric
from tests.installation import Installation

CASES = "from bench.rehearsal_cases import main; main({questions})"
TIMEOUT_S = 3 * 3600


def run(questions: int = 3) -> Sequence[Metric]:
    """Start Aiker, rehearse every draft, print a table, and return how many verdicts were right.

    ``questions`` are wordings asked of each draft, by three callers each.
    """
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder, Installation(Path(folder)) as aiker:
        done = aiker.command("shell", "-v0", "-c", CASES.format(questions=questions), timeout_s=TIMEOUT_S)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        raise RuntimeError(done.stderr)
    for row in rows:
        print(line(row))
    return metrics(rows)


def metrics(rows: Sequence[dict[str, Any]]) -> list[Metric]:
    """Return how many bad drafts were caught and good ones passed. Pure."""
    bad = [row["passed"] is False for row in rows if not row["good"]]
    good = [row["passed"] is True for row in rows if row["good"]]
    return [
        Metric("bad drafts caught", sum(bad), f"of {len(bad)}", len(bad), "higher"),
        Metric("good drafts passed", sum(good), f"of {len(good)}", len(good), "higher"),
        Metric("answers", sum(row["answers"] for row in rows), ""),
        Metric("all ten took", sum(row["seconds"] for row in rows), "s"),
    ]


def line(row: dict[str, Any]) -> str:
    """Return a row of the table: the draft, whether it passed, why not."""
    verdict = "passed" if row["passed"] else row["error"] or "not passed"
    right = "" if row["passed"] is row["good"] else "  WRONG"
    kind = "good" if row["good"] else "bad"
    return f"{kind:5} {row['name']:26} {verdict:12}{right} {'; '.join(row['reasons'])}"
