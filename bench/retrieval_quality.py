"""What the sample base finds and refuses: ``python -m bench quality``.

The held-out golden questions and follow-ups of the sample data, asked as a call asks them; which search found
what, side by side. A reranker is left out: no Chinese one is in the package registries.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from knowledge.fusion import Passage
    from knowledge.golden_file import GoldenFile
    from knowledge.rag import Found, RAGSystem

EVERYTHING = 60
AMONG = 3
THRESHOLDS = (0.50, 0.54, 0.58, 0.60, 0.62, 0.66)
TARGET_HIT, TARGET_REFUSED = 0.95, 0.90


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        ports = ("AIKER_ENGINES_PORT", "AIKER_CHROMA_PORT")
        env = os.environ | {name: str(free_port()) for name in ports}
        env |= {"AIKER_DATA_DIR": folder, "AIKER_LOG_LEVEL": "WARNING", "AIKER_LANGUAGE": "en"}
        env |= {"DJANGO_SETTINGS_MODULE": "aiker.settings"}
        subprocess.run([sys.executable, "-m", "bench.retrieval_quality"], env=env, check=True)


@dataclass(frozen=True)
class Asked:
    """One wording of a golden question, and what was found for it."""

    kind: str
    id: str
    expect: Sequence[str]
    found: Found

    def rank(self, order: Callable[[Passage], int | None]) -> int:
        """Return the rank of the first right entry when one search decides; 0: not among the first 3."""
        ranked = sorted(
            (position, passage.key)
            for passage in self.found.considered
            if (position := order(passage)) is not None
        )
        keys = [key for _, key in ranked[:AMONG]]
        return next((rank for rank, key in enumerate(keys, start=1) if key in self.expect), 0)

    @property
    def answered(self) -> bool:
        return bool(self.found.passages)


def measure() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from bench.knowledge_processes import Processes
    from knowledge.golden_file import read_golden
    from knowledge.management.commands.load_knowledge import SAMPLE
    from knowledge.models import IndexVersion
    from knowledge.rag import RAGSystem

    call_command("migrate", verbosity=0)
    with Processes(Path(os.environ["AIKER_DATA_DIR"])):
        call_command("load_knowledge")
        version = IndexVersion.objects.select_related("base").get()
        golden = read_golden(SAMPLE.with_name("onesuite-golden-questions.json"))
        asyncio.run(report(RAGSystem.of(version), golden))


async def report(rag: RAGSystem, golden: GoldenFile) -> None:
    asked = [
        Asked(question.kind, question.id, question.expect, await rag.search(wording, k=EVERYTHING))
        for question in golden.questions
        for wording in question.wordings()
    ]
    answerable = [item for item in asked if item.expect]
    others = [item for item in asked if not item.expect]
    print(
        f"{len(answerable)} wordings of answerable questions, {len(others)} of others; before the threshold:"
    )
    searches: dict[str, Callable[[Passage], int | None]] = {
        "meaning": lambda passage: passage.dense_rank,
        "words": lambda passage: passage.keyword_rank,
        "fused": lambda passage: passage.rank,
    }
    for name, order in searches.items():
        ranks = [item.rank(order) for item in answerable]
        print(f"  {name:10} hit@1 {hits(ranks, 1):.3f}  hit@3 {hits(ranks, 3):.3f}  MRR {mrr(ranks):.3f}")
    print(
        f"  (hit@3 at least {TARGET_HIT})\nfused, by kind: found among the first 3, and after the threshold"
    )
    for kind in dict.fromkeys(item.kind for item in answerable):
        group = [item for item in answerable if item.kind == kind]
        ranks = [item.rank(searches["fused"]) for item in group]
        kept = [rank if item.answered else 0 for item, rank in zip(group, ranks, strict=True)]
        print(f"  {kind:12} {len(group):3}  {hits(ranks, 3):.3f}  {hits(kept, 3):.3f}")
    off = [item for item in others if item.id.startswith("off-")]
    near = [item for item in others if item not in off]
    print(
        f"refused (at least {TARGET_REFUSED}): {refused(others):.3f}; off-topic {refused(off):.3f} of",
        end=" ",
    )
    print(f"{len(off)}, near misses {refused(near):.3f} of {len(near)}")
    for threshold in THRESHOLDS:
        ranks = [
            item.rank(searches["fused"]) if item.found.confidence >= threshold else 0 for item in answerable
        ]
        below = share(item.found.confidence < threshold for item in others)
        right_given = hits(ranks, AMONG)
        print(f"  threshold {threshold:.2f}: right entry given {right_given:.3f}, refused {below:.3f}")
    pairs = [(pair.expect, await rag.search(pair.question, before=pair.before)) for pair in golden.follow_ups]
    alone = [(pair.expect, await rag.search(pair.question)) for pair in golden.follow_ups]
    print(f"{len(pairs)} follow-ups: {right(pairs):.3f} with the question before, {right(alone):.3f} without")
    firsts = share(given_first(found, expect) for expect, found in pairs)
    print(f"  the right entry is given first: {firsts:.3f}")
    for name, expected in (("the right entry is given first", True), ("refused", False)):
        shares = [await after_another(rag, golden, answerable=expected, lean=lean) for lean in (False, True)]
        print(f"short questions, {name}: {shares[0]:.3f} alone, {shares[1]:.3f} after another question")


async def after_another(rag: RAGSystem, golden: GoldenFile, *, answerable: bool, lean: bool) -> float:
    """Return which share of short questions is treated right, alone or behind one on another topic."""
    from knowledge.rag import leans

    topics = [pair.before for pair in golden.follow_ups][::4] if lean else [""]
    asked = [
        (question.expect, await rag.search(wording, before=topic))
        for question in golden.questions
        for wording in question.wordings()
        if leans(wording) and bool(question.expect) is answerable
        for topic in topics
    ]
    return share(given_first(found, expect) if answerable else not found.passages for expect, found in asked)


def given_first(found: Found, expect: Sequence[str]) -> bool:
    """Whether a model that gets one passage gets the right one."""
    return bool(found.passages) and found.passages[0].key in expect


def right(pairs: Iterable[tuple[Sequence[str], Found]]) -> float:
    return share(any(p.key in expect for p in found.considered[:AMONG]) for expect, found in pairs)


def refused(items: Sequence[Asked]) -> float:
    return share(not item.answered for item in items)


def hits(ranks: Sequence[int], among: int) -> float:
    return share(0 < rank <= among for rank in ranks)


def mrr(ranks: Sequence[int]) -> float:
    return sum(1 / rank for rank in ranks if rank) / len(ranks)


def share(held: Iterable[bool]) -> float:
    values = list(held)
    return sum(values) / len(values)


if __name__ == "__main__":
    measure()
