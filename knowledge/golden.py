"""Golden questions, asked of a version: the gate before it goes live.

::

    run = golden.run(version, user)                       # begin and carry out
    run.passed, run.figures["given"], run.results[0]["rank"]
    run = golden.begin(version, user)                     # a page asks ...
    golden.carry_out(run)                                 # ... the worker does it

The search is the one of live calls. What counts is what an assistant answers from: the passages it is given
(``passages_given``), not what was found behind them. ``knowledge.golden_report`` reads a run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from statistics import quantiles
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from knowledge.errors import KnowledgeError
from knowledge.golden_file import says
from knowledge.models import GoldenQuestion, GoldenRun, IndexVersion, KnowledgeBase
from knowledge.rag import Found, RAGSystem

FOUND_AMONG = 3
"""Passages that are looked at, for the figures; more where an assistant is given more."""


def run(version: IndexVersion, user: User | None = None) -> GoldenRun:
    """Ask every active golden question of a version; raise what the search raises, recorded in the run."""
    return carry_out(begin(version, user))


def begin(version: IndexVersion, user: User | None = None, assistant: str = "") -> GoldenRun:
    """Return the row of a run that is still to be carried out."""
    return GoldenRun.objects.create(version=version, requested_by=user, assistant=assistant)


def carry_out(row: GoldenRun) -> GoldenRun:
    """Ask what ``begin`` promised; raise what the search raises, recorded in the run."""
    base = row.version.base
    try:
        row.results = asyncio.run(ask_all(row.version, questions_of(base), passages_given(base)))
    except KnowledgeError as exc:
        row.error = exc.message
        raise
    finally:
        row.finished_at = timezone.now()
        row.save()
    row.figures = figures(row.results)
    row.passed = passes(row.figures, base)
    row.save()
    return row


def questions_of(base: KnowledgeBase) -> list[GoldenQuestion]:
    """Return the questions that are asked, in their order, with what must be found for them."""
    return list(base.golden_questions.filter(is_active=True).prefetch_related("expected"))


async def ask_all(
    version: IndexVersion, questions: Sequence[GoldenQuestion], given: int
) -> list[dict[str, Any]]:
    rag = RAGSystem.of(version)
    results = []
    for question in questions:
        for wording in question.wordings():
            found = await rag.search(wording, before=question.before, k=max(given, FOUND_AMONG))
            if found.result.failed:
                raise found.result.failed
            results.append(outcome(question, wording, found, given))
    return results


def passages_given(base: KnowledgeBase) -> int:
    """Return how many passages an answer is made from: of the assistants of a base, the fewest."""
    of_assistants = base.assistant_set.filter(is_active=True).values_list("passages", flat=True)
    return max(1, min(of_assistants, default=1))


def outcome(question: GoldenQuestion, wording: str, found: Found, given: int) -> dict[str, Any]:
    """Return what came of one wording, of which ``given`` passages are answered from; rank 0: not found.

    ``passages`` are those before the threshold.
    """
    expected = [document.key for document in question.expected.all()]
    keys = [passage.key for passage in found.passages]
    rank = next((rank for rank, key in enumerate(keys, start=1) if key in expected), 0)
    read = "".join(f"{passage.title}：{passage.text}" for passage in found.passages[:given])
    return {
        "question": question.pk,
        "wording": wording,
        "before": question.before,
        "kind": question.kind,
        "answerable": question.answerable,
        "expected": expected,
        "found": keys,
        "passages": [
            {"key": p.key, "title": p.title, "text": p.text, "score": round(p.score, 3)}
            for p in found.considered
        ],
        "rank": rank,
        "given": given,
        "confidence": round(found.confidence, 3),
        "lacks": [fact for fact in question.must_say if not says(read, fact)] if 0 < rank <= given else [],
        "ms": round(found.result.total_ms, 1),
    }


def figures(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return counts, shares (0..1) and milliseconds of a run. A share of nothing is 1."""
    answerable = [item for item in results if item["answerable"]]
    others = [item for item in results if not item["answerable"]]
    median_ms, p95_ms = median_and_p95([item["ms"] for item in results])
    return {
        "answerable": len(answerable),
        "unanswerable": len(others),
        "hit1": share(item["rank"] == 1 for item in answerable),
        "hit3": share(0 < item["rank"] <= FOUND_AMONG for item in answerable),
        "given": share(is_given(item) for item in answerable),
        "mrr": mean([1 / item["rank"] if item["rank"] else 0.0 for item in answerable]),
        "facts": share(is_given(item) and not item["lacks"] for item in answerable),
        "refused": share(not item["found"] for item in others),
        "median_ms": median_ms,
        "p95_ms": p95_ms,
    }


def is_given(item: dict[str, Any]) -> bool:
    """Whether a right entry is among the passages that are answered from; old runs looked at three."""
    return 0 < item["rank"] <= item.get("given", FOUND_AMONG)


def median_and_p95(times: Sequence[float]) -> tuple[float, float]:
    """Return two centiles of milliseconds; 0 where there are none."""
    known = sorted(times) or [0.0]
    centiles = quantiles(known, n=20) if len(known) > 1 else known * 19
    return round(centiles[9], 1), round(centiles[18], 1)


def share(held: Iterable[bool]) -> float:
    return mean([1.0 if item else 0.0 for item in held])


def mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 1.0


def passes(found: dict[str, float], base: KnowledgeBase) -> bool:
    """Whether the figures of a run keep the thresholds of the base."""
    return found["given"] >= base.gate_hit_rate and found["refused"] >= base.gate_refused
