"""Two rankings to one: what meaning found and what words found. Pure.

::

    dense = together(alone={"12-9f0c": 0.81, ...}, joined={})      # joined: with the question before
    ranked = fuse(dense, keyword=[(15, 7.2), ...])
    chosen = within(choose(ranked, stored, k=3, day="2026-01-01"), budget=400)

Reciprocal rank fusion: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and
individual Rank Learning Methods", SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.manifest import StoredPassage
from knowledge.passages import chunk_of

# The paper's constant is 60, for equal rankings of many documents. Here meaning is right far more often than
# words, which decide between neighbours (docs/knowledge.md, "What was measured").
RRF = 10
KEYWORD_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage as each search ranked it; ranks start at 1, None: not found by that search."""

    chunk_id: int
    fused: float
    dense_rank: int | None = None
    dense_score: float = 0.0
    keyword_rank: int | None = None
    keyword_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage found. ``score`` is the cosine similarity (0..1) of its nearest text; ranks start at 1."""

    key: str
    title: str
    text: str
    score: float
    rank: int
    chunk_id: int
    document_id: int = 0
    spoken: str = ""
    dense_rank: int | None = None
    keyword_rank: int | None = None
    keyword_score: float = 0.0
    fused: float = 0.0
    rerank_score: float | None = None


def together(alone: Mapping[str, float], joined: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the mean similarity of each vector to a question alone and joined to the one before, best first.

    Joined, a question is near to what the one before is near to, whatever it asks; alone, "and Sunday?" is
    near to nothing. A vector that one of the searches did not reach is as near as the last it reached.
    """
    joined = joined or alone
    last_alone, last_joined = (min(near.values(), default=0.0) for near in (alone, joined))
    means = {id: (alone.get(id, last_alone) + joined.get(id, last_joined)) / 2 for id in {**alone, **joined}}
    return sorted(means.items(), key=lambda item: -item[1])


def fuse(dense: Sequence[tuple[str, float]], keyword: Sequence[tuple[int, float]]) -> list[Ranked]:
    """Return passages in their common order. Several vectors of ``dense`` may lead to one passage."""
    similar: dict[int, float] = {}
    for vector, score in dense:
        similar.setdefault(chunk_of(vector), score)
    by_dense = {chunk: rank for rank, chunk in enumerate(similar, start=1)}
    by_keyword = {chunk: rank for rank, (chunk, _) in enumerate(keyword, start=1)}
    scores = dict(keyword)
    ranked = [
        Ranked(
            chunk_id=chunk,
            fused=(1 / (RRF + by_dense[chunk]) if chunk in by_dense else 0.0)
            + (KEYWORD_WEIGHT / (RRF + by_keyword[chunk]) if chunk in by_keyword else 0.0),
            dense_rank=by_dense.get(chunk),
            dense_score=similar.get(chunk, 0.0),
            keyword_rank=by_keyword.get(chunk),
            keyword_score=scores.get(chunk, 0.0),
        )
        for chunk in {**by_dense, **by_keyword}
    ]
    return sorted(ranked, key=lambda item: -item.fused)


def choose(
    ranked: Sequence[Ranked], stored: Mapping[int, StoredPassage], k: int, day: str
) -> tuple[Passage, ...]:
    """Return the best passage of each of ``k`` documents at most, best first.

    Passages that left the index, are declined, or are not said on that ISO ``day``, are passed over.
    """
    chosen: dict[int, Passage] = {}
    for item in ranked:
        found = stored.get(item.chunk_id)
        if found is None or found.document_id in chosen or found.declined or not found.is_valid_on(day):
            continue
        chosen[found.document_id] = Passage(
            key=found.key,
            title=found.title,
            text=found.text,
            score=item.dense_score,
            rank=len(chosen) + 1,
            chunk_id=item.chunk_id,
            document_id=found.document_id,
            spoken=found.spoken,
            dense_rank=item.dense_rank,
            keyword_rank=item.keyword_rank,
            keyword_score=item.keyword_score,
            fused=item.fused,
        )
        if len(chosen) == k:
            break
    return tuple(chosen.values())


def within(passages: Sequence[Passage], budget: int) -> tuple[Passage, ...]:
    """Return the first passages that fit into ``budget`` tokens together, and the first in any case."""
    kept: list[Passage] = []
    for passage in passages:
        budget -= tokens(passage.title) + tokens(passage.text)
        if kept and budget < 0:
            break
        kept.append(replace(passage, rank=len(kept) + 1))
    return tuple(kept)


def tokens(text: str) -> int:
    """Estimate the tokens of a text from above: Chinese has 0.6 to 0.7 a character with Qwen and GLM."""
    return round(len(text) * 0.7) + 1
