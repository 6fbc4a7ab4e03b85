"""Texts to vectors, by the engine server's ``/v1/embeddings``.

::

    vectors = Embedder().embed(["周六开门吗？", "退租要提前多久说？"])     # indexing
    vector = await AsyncEmbedder().embed("周六开门吗？")                    # a live call

Vectors have length 1. BGE's query instruction is deliberately not used: callers' questions are matched
mostly against questions, and on the sample data the instruction costs 2 of 100 first hits
(``docs/knowledge.md``, "What was measured").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import openai
from django.conf import settings
from django.utils.translation import gettext as _

from knowledge.errors import KnowledgeError

BATCH = 32
# A batch of 32 sentences takes 0.15 s on 2 idle cores; a call's own engines may be in the way.
BATCH_TIMEOUT_S = 60.0
API_KEY = "local"


class EmbeddingError(KnowledgeError):
    """The engine server gave no vectors."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("embedding", code, message)


class Embedder:
    """Blocking client for indexing; texts are sent in batches of 32, each with a limit of 60 s."""

    def __init__(self, model: str = "", base_url: str = "") -> None:
        self.model = model or settings.AIKER.embedding_model
        self.base_url = base_url or settings.AIKER.engines_url
        self._client = openai.OpenAI(
            base_url=self.base_url, api_key=API_KEY, timeout=BATCH_TIMEOUT_S, max_retries=1
        )

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text, in order; raise EmbeddingError."""
        vectors: list[list[float]] = []
        for batch in batches(texts, BATCH):
            try:
                answer = self._client.embeddings.create(
                    model=self.model, input=list(batch), encoding_format="float"
                )
            except openai.OpenAIError as exc:
                raise explain(exc, self.base_url, self.model) from exc
            vectors.extend(item.embedding for item in answer.data)
        if len(vectors) != len(texts):
            raise EmbeddingError(
                "broken",
                _("The engine server returned {got} vectors for {sent} texts.").format(
                    got=len(vectors), sent=len(texts)
                ),
            )
        return vectors

    def close(self) -> None:
        self._client.close()


class AsyncEmbedder:
    """Client for live calls: one text, no retries. The caller sets the time limit."""

    def __init__(self, model: str = "", base_url: str = "") -> None:
        self.model = model or settings.AIKER.embedding_model
        self.base_url = base_url or settings.AIKER.engines_url
        self._client = openai.AsyncOpenAI(base_url=self.base_url, api_key=API_KEY, max_retries=0)

    async def embed(self, text: str) -> list[float]:
        """Return the vector of a text; raise EmbeddingError."""
        try:
            answer = await self._client.embeddings.create(
                model=self.model, input=[text], encoding_format="float"
            )
        except openai.OpenAIError as exc:
            raise explain(exc, self.base_url, self.model) from exc
        if len(answer.data) != 1:
            raise EmbeddingError("broken", _("The engine server returned no vector."))
        return answer.data[0].embedding

    async def close(self) -> None:
        await self._client.close()


def explain(exc: openai.OpenAIError, base_url: str, model: str) -> EmbeddingError:
    """Return the error as an operator can act on it."""
    if isinstance(exc, openai.APITimeoutError):
        return EmbeddingError(
            "timeout",
            _("The engine server at {url} did not answer in time. Is the machine overloaded?").format(
                url=base_url
            ),
        )
    if isinstance(exc, openai.APIConnectionError):
        return EmbeddingError(
            "unreachable",
            _(
                "The engine server at {url} does not answer. Start it (manage.py serve_engines, or "
                "everything with manage.py start), then try again."
            ).format(url=base_url),
        )
    if isinstance(exc, openai.APIStatusError):
        return EmbeddingError(
            "refused",
            _("The engine server refused to embed with {model} (HTTP {status}): {reason}").format(
                model=model, status=exc.status_code, reason=exc.message
            ),
        )
    return EmbeddingError(
        "broken", _("The engine server's answer cannot be used: {reason}").format(reason=exc)
    )


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the items in order, ``size`` at a time."""
    starts: Iterable[int] = range(0, len(items), size)
    for start in starts:
        yield items[start : start + size]
