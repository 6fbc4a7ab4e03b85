"""What the assistants know, asked turn by turn.

::

    rag = RAGSystem(base_id)                                        # once a call; nothing is opened yet
    rag.begin_call(call_id, caller)                                 # a draft may serve it (knowledge.canary)
    found = await rag.search("那个多少钱", before="独立办公室有吗")      # each turn
    found.passages, found.spoken, found.index_version

    rag = RAGSystem.of(version)             # any version: the test page, golden questions

A turn is searched in one version from beginning to end: the one that is live when it begins. A call that a
draft serves is searched in that draft from its first turn to its last.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from engines.adapters.rerank_adapter import RerankAdapter
from engines.routing import Breaker
from knowledge.answer_types import asked_kind, tells
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage, within
from knowledge.grounding.figures import figures_in
from knowledge.grounding.written import MAX_CHARS, as_written, excerpt
from knowledge.heard import plain
from knowledge.live import LiveIndex, index_of, serving_of
from knowledge.models import IndexVersion
from knowledge.models.content import Phrasing
from knowledge.question_forms import has_topic, on_weekday, parts_of, without_denied, without_excepted_days
from knowledge.ranking import names_other_figure
from knowledge.retrieval import RetrievalResult, Retriever, warm

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
# What each topic of the question counts against it that the base never mentions, for at most so many.
UNKNOWN_TOPIC = 0.03
MAX_UNKNOWN = 2
# A question as near as this to one of an entry's wordings is that question, whatever word of it is unknown.
SAME_QUESTION = 0.9


# Nearer than this, another word of the question is another word for what the passage says.
SURELY_MEANT = 0.82


@dataclass(frozen=True, slots=True)
class Found:
    """What a turn is answered from; no passages: the base does not answer, say ``refusal`` or that.

    ``considered`` are the passages before the threshold; ``spoken`` is what is said word for word, instead of
    asking the language model, and ``written`` are the entry's words, should the model's be no answer;
    ``topic`` is what the next question may lean on. ``result`` has scores, ranks and times. Of a sentence
    that asks several things ``parts`` are what was found for each; ``is_partial``: one is not answered.
    ``is_nearest``: ``spoken`` is about the same thing and may not be what was asked.
    """

    passages: tuple[Passage, ...]
    considered: tuple[Passage, ...]
    result: RetrievalResult
    confidence: float
    spoken: str = ""
    refusal: str = ""
    topic: str = ""
    written: str = ""
    parts: tuple[Found, ...] = ()
    is_partial: bool = False
    is_nearest: bool = False

    @property
    def index_version(self) -> str:
        return self.result.index_version


class RAGSystem:
    """See the module. One for a call, or one for a version."""

    def __init__(self, base_id: int, reranker: RerankAdapter | None = None) -> None:
        self._base_id = base_id
        self._fixed: LiveIndex | None = None
        self._call: tuple[str, str] | None = None
        self._reranker = reranker
        self._retriever: Retriever | None = None
        self._breaker = _breaker
        warm()

    @classmethod
    def of(cls, version: IndexVersion, reranker: RerankAdapter | None = None) -> RAGSystem:
        """Return the system as it would answer from ``version`` (its base joined)."""
        made = cls(version.base_id, reranker)
        made._fixed = index_of(version)
        made._breaker = Breaker()  # a version that is gone must not make calls rest
        return made

    def begin_call(self, call_id: str, caller: str) -> None:
        """Say which call the searches are for, before the first one."""
        self._call = (call_id, caller)

    async def search(
        self,
        question: str,
        *,
        before: str = "",
        k: int = 3,
        considered: int = 0,
        today: datetime.date | None = None,
    ) -> Found:
        """Return what answers a question, at most ``k`` passages for each of its parts; raise RetrievalError.

        ``before`` is the topic of the turn before, for "那个多少钱". At least ``considered`` passages are
        looked at, for whoever wants to see what came after the first ``k``. ``today`` is the day that the
        question is asked on, without it this day.
        """
        index = self._fixed or await self._serving()
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
        meant, denied = without_denied(question)
        meant = without_excepted_days(meant)
        parts = parts_of(on_weekday(meant, today or timezone.localdate()))
        contexts = [denied or before, *([parts[0]] * (len(parts) - 1))]
        found = await asyncio.gather(
            *(
                _search(retriever, index, Asked(part, context, denied), k, considered)
                for part, context in zip(parts, contexts, strict=True)
            )
        )
        return found[0] if len(found) == 1 else together(found, question)

    async def _serving(self) -> LiveIndex | None:
        """Return the version that serves the call; whether that is a draft is decided at its first search."""
        serving = await serving_of(self._base_id)
        call, self._call = self._call, None
        if call and serving.canary and serving.canary.rule.serves(*call):
            self._fixed = serving.canary.index
            self._breaker = Breaker()  # a draft that is broken must not make other calls rest
        return self._fixed or serving.live


class Asked(NamedTuple):
    """A question, what it may lean on, and what the caller says is not meant."""

    question: str
    before: str
    denied: str


async def _search(retriever: Retriever, index: LiveIndex, asked: Asked, k: int, considered: int) -> Found:
    question, before, denied = asked
    context = before if leans(question) else ""
    try:
        result = await retriever.search(question, max(k, considered), context, denied)
    except RetrievalError as exc:
        exc.index_version = index.collection
        raise
    found = judge(result, index, k)
    off_topic = context and not found.passages  # what comes next leans on what was spoken of before it
    return replace(found, topic=before if off_topic else topic_of(question, before))


def together(parts: Sequence[Found], question: str) -> Found:
    """Return what is said to a sentence that asks several things: to each what was found for it. Pure.

    Where the model must word one of them, it is asked for all.
    """
    answered = [part for part in parts if part.passages]
    if not answered:
        return parts[0]
    once = {passage.document_id: passage for part in answered for passage in part.passages[:1]}
    said = dict.fromkeys(part.spoken for part in answered)
    written = dict.fromkeys(part.written for part in answered)
    return replace(
        answered[0],
        passages=within(list(once.values()), TOKEN_BUDGET),
        confidence=min(part.confidence for part in answered),
        spoken="" if "" in said else "".join(map(sentence, said)),
        written="".join(map(sentence, written)),
        topic=topic_of(question, ""),
        parts=tuple(parts),
        is_nearest=any(part.is_nearest for part in answered),
        is_partial=any(not part.passages and has_topic(part.result.query) for part in parts),
    )


def sentence(text: str) -> str:
    """Return a text with an end, so that another may follow."""
    return text if text[-1:] in "。！？!?" else f"{text}。"


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
    unknown = result.unknown_names and result.similarity < SAME_QUESTION
    if (
        not result.passages
        or unknown
        or other_size(result)
        or (sure < index.min_confidence and result.failed is None)
    ):
        nearer = result.declined > result.similarity
        return Found((), result.passages, result, sure, refusal=result.declined_text if nearer else "")
    best = result.passages[0]
    near = [p for p in result.passages[:k] if p.rerank_score is not None or p.score >= best.score - MARGIN]
    chosen = within(near, TOKEN_BUDGET)
    written = in_own_words(result.query, best)
    is_nearest = index.phrasing != Phrasing.MODEL and is_only_near(result)
    return Found(
        chosen,
        result.passages,
        result,
        sure,
        spoken=written if is_nearest or says_written(best, index) else "",
        written=written,
        is_nearest=is_nearest,
    )


def is_only_near(result: RetrievalResult) -> bool:
    """Whether the best passage may not be what was asked. Pure.

    The question has a topic that it never mentions, or wants a figure of a kind that it does not tell:
    静安店靠近几号地铁口 finds the address, which says nothing of an underground.
    """
    if result.similarity >= SAME_QUESTION:
        return False
    best = result.passages[0]
    told = tells(asked_kind(result.query), f"{best.title}。{best.text}")
    return not told or (bool(result.unmentioned) and result.similarity < SURELY_MEANT)


def other_size(result: RetrievalResult) -> bool:
    """Whether the nearest is of another size than the question names, and the best not of that. Pure."""
    asked, best = figures_in(result.query), result.passages[0]
    nearest = result.nearest or best
    return names_other_figure(asked, nearest.title) and not figures_in(best.title) & asked


def in_own_words(question: str, passage: Passage) -> str:
    """Return what an entry itself says to a question. Pure."""
    text = passage.spoken or excerpt(passage.text, question)
    return as_written(question, text, same_question=passage.score >= SAME_QUESTION)


def says_written(best: Passage, index: LiveIndex) -> bool:
    """Whether an entry is spoken as written, instead of asking the language model. Pure.

    An entry that is marked so always is. Others by what the base chooses: by itself, where the match is sure
    and the text short enough to listen to.
    """
    if best.spoken or index.phrasing == Phrasing.WRITTEN:
        return True
    sure = best.score >= index.verbatim_confidence and len(best.text) <= MAX_CHARS
    return sure and index.phrasing == Phrasing.AUTO


def confidence(result: RetrievalResult) -> float:
    """Return how surely the base answers (0..1).

    Near to a passage, not near to what is never answered, and about nothing that the base never mentions.
    """
    against = DECLINED_WEIGHT * (result.declined - DECLINED_NEUTRAL) if result.declined else 0.0
    if result.similarity < SAME_QUESTION:
        against += UNKNOWN_TOPIC * min(len(result.unknown_topics), MAX_UNKNOWN)
    return min(1.0, max(0.0, result.similarity - against))
