"""Passages in the order in which they answer a question."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from engines.adapters.client import Note, client_for, engine_errors
from engines.errors import EngineError
from engines.routing import Endpoint, Routes


class _Result(BaseModel):
    index: int
    relevance_score: float


class _Answer(BaseModel):
    results: list[_Result]


class RerankAdapter:
    """Judge passages.

    ::

        scores = await RerankAdapter(routes).score("几天能退款", ["三天内退款。", "周六开门。"], note=print)

    ``note`` is told who served. Raises EngineError with stage ``rerank`` when no engine does.
    """

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

    async def score(self, query: str, passages: Sequence[str], note: Note) -> list[float]:
        """Return a score for each passage in the order given, higher is better; scales differ."""

        async def ask(endpoint: Endpoint) -> list[float]:
            body = {
                "model": endpoint.model,
                "query": query,
                "documents": list(passages),
                "top_n": len(passages),
            }
            with engine_errors("rerank", endpoint.url):
                answer = await client_for(endpoint).post("/rerank", cast_to=object, body=body)
            return _scores(answer, len(passages), endpoint.url)

        scores, served = await self.routes.first(ask)
        note(served)
        return scores


def _scores(answer: object, count: int, url: str) -> list[float]:
    """Return the scores by place; EngineError unless each place has one."""
    try:
        results = _Answer.model_validate(answer).results
    except ValidationError as exc:
        raise EngineError("rerank", "broken", f"{url} answered without results") from exc
    scores = {result.index: result.relevance_score for result in results}
    if sorted(scores) != list(range(count)):
        raise EngineError("rerank", "broken", f"{url} judged {len(results)} passages of {count}")
    return [scores[index] for index in range(count)]
