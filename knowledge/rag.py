"""What the assistants know, asked turn by turn.

::

    rag = RAGSystem(base_id)                                        # once a call; nothing is opened yet
    found = await rag.search("那个多少钱", before="独立办公室有吗")      # each turn
    found.passages, found.spoken, found.index_version

    rag = RAGSystem.of(version)             # any version: the test page, golden questions

A turn is searched in one version from beginning to end: the one that is live when it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from engines.adapters.rerank_adapter import RerankAdapter
from engines.routing import Breaker
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage, within
from knowledge.heard import plain
from knowledge.live import LiveIndex, index_of, live_index
from knowledge.models import IndexVersion
from knowledge.retrieval import RetrievalResult, Retriever

TOKEN_BUDGET = 600
"""What the passages of a turn may cost the language model to read."""

# Chroma and the embedder are down for every call of this process.
_breaker = Breaker()


# What lies further under the best passage costs the language model time and misleads it.
MARGIN = 0.15

# A question as short as this may lean on the one before it ("那个多少钱").
LEANING_CHARS = 10
TOPIC_CHARS = 60

# How far the nearest question that is not answered counts against the best passage, and the similarity at
# which it counts nothing. Both chosen on the development questions (docs/knowledge.md, "What was measured").
DECLINED_WEIGHT = 0.5
DECLINED_NEUTRAL = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """What a turn is answered from; no passages: the base does not answer, say ``refusal`` or that.

    ``considered`` are the passages before the threshold; ``spoken`` is what is said word for word, instead of
    asking the language model; ``topic`` is what the next question may lean on. ``result`` has scores, ranks
    and times.
    """

    passages: tuple[Passage, ...]
    considered: tuple[Passage, ...]
    result: RetrievalResult
    confidence: float
    spoken: str = ""
    refusal: str = ""
    topic: str = ""

    @property
    def index_version(self) -> str:
        return self.result.index_version


class RAGSystem:
    """See the module. One for a call, or one for a version."""

    def __init__(self, base_id: int, reranker: RerankAdapter | None = None) -> None:
        self._base_id = base_id
        self._fixed: LiveIndex | None = None
        self._reranker = reranker
        self._retriever: Retriever | None = None
        self._breaker = _breaker

    @classmethod
    def of(cls, version: IndexVersion, reranker: RerankAdapter | None = None) -> RAGSystem:
        """Return the system as it would answer from ``version`` (its base joined)."""
        made = cls(version.base_id, reranker)
        made._fixed = index_of(version)
        made._breaker = Breaker()  # a version that is gone must not make calls rest
        return made

    async def search(self, question: str, *, before: str = "", k: int = 3, considered: int = 0) -> Found:
        """Return what answers a question, at most ``k`` passages; raise RetrievalError.

        ``before`` is the topic of the turn before, for "那个多少钱". At least ``considered`` passages are
        looked at, for whoever wants to see what came after the first ``k``.
        """
        index = self._fixed or await live_index(self._base_id)
        if index is None:
            raise RetrievalError(
                "retrieval",
                "index_missing",
                _("The knowledge base has no index yet. Save a document, or run manage.py reindex."),
            )
        retriever = self._retriever
        if retriever is None or retriever.collection != index.collection:
            retriever = Retriever(index.collection, index.embedding_model, self._reranker, self._breaker)
            self._retriever = retriever
        context = before if leans(question) else ""
        result = await retriever.search(question, max(k, considered), context)
        found = judge(result, index, k)
        off_topic = context and not found.passages  # what comes next leans on what was spoken of before it
        return replace(found, topic=before if off_topic else topic_of(question, before))


def leans(question: str) -> bool:
    """Whether a question is so short that it may lean on the one before it."""
    return len(plain(question)) <= LEANING_CHARS


def topic_of(question: str, before: str) -> str:
    """Return what the next question may lean on, ``before`` being what this one may. Pure."""
    topic = f"{before} {question}".strip() if leans(question) else question
    return topic[-TOPIC_CHARS:]


def judge(result: RetrievalResult, index: LiveIndex, k: int) -> Found:
    """Return what of a search may be said, by the thresholds of the base. Pure.

    Words alone, while the vectors are away, are believed: better a passage that may not fit than no answer.
    """
    sure = confidence(result)
    if not result.passages or (sure < index.min_confidence and result.failed is None):
        nearer = result.declined > result.similarity
        return Found((), result.passages, result, sure, refusal=result.declined_text if nearer else "")
    best = result.passages[0]
    near = [p for p in result.passages[:k] if p.rerank_score is not None or p.score >= best.score - MARGIN]
    chosen = within(near, TOKEN_BUDGET)
    verbatim = best.spoken if best.score >= index.verbatim_confidence else ""
    return Found(chosen, result.passages, result, sure, spoken=verbatim)


def confidence(result: RetrievalResult) -> float:
    """Return how surely the base answers (0..1): near to a passage, and not to what is never answered."""
    if not result.declined:
        return result.similarity
    against = DECLINED_WEIGHT * (result.declined - DECLINED_NEUTRAL)
    return min(1.0, max(0.0, result.similarity - against))
