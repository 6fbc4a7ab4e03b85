"""Texts to vectors, by the engine server's ``/v1/embeddings``.

::

    vectors = Embedder().embed(["周六开门吗？", "退租要提前多久说？"])     # indexing
    vectors = await AsyncEmbedder().embed(["周六开门吗？"])                  # a live call

Vectors have length 1. They travel as base64, the client's default: of floats in JSON it makes typed objects
one by one, which takes longer than the model.

BGE's query instruction is deliberately not used: callers' questions are matched
mostly against questions, and on the sample data the instruction costs 2 of 100 first hits
(``docs/knowledge.md``, "What was measured").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import openai
from django.conf import settings
from django.utils.translation import gettext as _

from knowledge.errors import KnowledgeError

T = TypeVar("T")

# A caller's question waits for the batch in front of it: 32 texts bring no more a second than 8 on a CPU, and
# make it wait four times as long (python -m bench knowledge).
BATCH = 8
BUSY = (429, 503)
# Eight sentences take 0.05 s on 2 idle cores; a call's own engines may be in the way.
BATCH_TIMEOUT_S = 60.0
API_KEY = "local"


class EmbeddingError(KnowledgeError):
    """The engine server gave no vectors."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("embedding", code, message)


class Embedder:
    """Blocking client for indexing; texts are sent in batches of 8, each with a limit of 60 s."""

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
                answer = self._client.embeddings.create(model=self.model, input=list(batch))
            except openai.OpenAIError as exc:
                raise explain(exc, self.base_url, self.model) from exc
            vectors.extend(item.embedding for item in answer.data)
        if len(vectors) != len(texts):
            raise short(len(vectors), len(texts))
        return vectors

    def close(self) -> None:
        self._client.close()


class AsyncEmbedder:
    """Client for live calls: few texts, no retries. The caller sets the time limit."""

    def __init__(self, model: str = "", base_url: str = "") -> None:
        self.model = model or settings.AIKER.embedding_model
        self.base_url = base_url or settings.AIKER.engines_url
        self._client = openai.AsyncOpenAI(base_url=self.base_url, api_key=API_KEY, max_retries=0)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text, in order; raise EmbeddingError."""
        try:
            answer = await self._client.embeddings.create(model=self.model, input=list(texts))
        except openai.OpenAIError as exc:
            raise explain(exc, self.base_url, self.model) from exc
        if len(answer.data) != len(texts):
            raise short(len(answer.data), len(texts))
        return [item.embedding for item in answer.data]

    async def close(self) -> None:
        await self._client.close()


def short(got: int, sent: int) -> EmbeddingError:
    text = _("The engine server returned {got} vectors for {sent} texts.")
    return EmbeddingError("broken", text.format(got=got, sent=sent))


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
    if isinstance(exc, openai.APIStatusError) and exc.status_code in BUSY:
        return EmbeddingError(
            "busy",
            _("The engine server at {url} is starting, or has too much to do: {reason}").format(
                url=base_url, reason=exc.message
            ),
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


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in order, ``size`` at a time."""
    starts: Iterable[int] = range(0, len(items), size)
    for start in starts:
        yield items[start : start + size]
