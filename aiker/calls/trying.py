"""A question tried as a call would answer it: the search with its ranks, the answer, its sound.

::

    search = await try_search(version, question, before="", k=1, reranker=make_reranker(plan))
    search.found, search.rows, search.error
    answer = await try_answer(plan, question, search.found)
    answer.text, answer.first_token_ms, answer.wav

Everything that decides is what calls use: ``knowledge.rag``, ``aiker.calls.answering``, the adapters. Errors
are part of what is returned.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from aiker.calls import answering
from aiker.calls.answering import Way
from aiker.calls.clauses import clauses_of
from aiker.calls.engines import make_llm, make_tts, phrase_cache
from aiker.calls.grounded import Grounding
from aiker.calls.model_output.fallback import words_behind
from aiker.calls.model_output.filter import OutputFilter
from aiker.calls.model_output.stream import filter_for, spoken_words
from aiker.calls.plan import CallPlan
from aiker.calls.token_count import TokenCount, count_tokens
from aiker.calls.tools.dry_run import sentence_of_tool
from engines.adapters.llm_adapter import LLMAdapter, Message
from engines.adapters.rerank_adapter import RerankAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.routing import Served
from knowledge.errors import RetrievalError
from knowledge.fusion import Passage
from knowledge.live import index_of
from knowledge.models import IndexVersion
from knowledge.rag import Found, RAGSystem
from knowledge.retrieval import CANDIDATES


@dataclass(frozen=True, slots=True)
class Row:
    """A passage with its place before reranking (1 is best), and what became of it."""

    passage: Passage
    fused_rank: int
    given: bool
    under_threshold: bool


@dataclass(frozen=True, slots=True)
class Search:
    """``error`` is why there is nothing; ``found.result.failed`` why there is only half."""

    found: Found | None = None
    rows: tuple[Row, ...] = ()
    threshold: float = 0.0
    error: RetrievalError | None = None


@dataclass(slots=True)
class Answer:
    """What is said, which way it came, and how long it took in ms.

    ``messages`` is empty when the model is not asked; else ``written`` is what it wrote, ``stopped`` what of
    that the guard kept back.

    ``first_clause_ms`` is counted from the request, ``first_audio_ms`` from the clause.
    """

    text: str = ""
    way: Way | None = None
    written: str = ""
    stopped: list[dict[str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    tokens: TokenCount | None = None
    first_token_ms: float | None = None
    first_clause_ms: float | None = None
    llm_ms: float | None = None
    first_audio_ms: float | None = None
    wav: bytes = b""
    served: dict[str, Served] = field(default_factory=dict)
    errors: list[EngineError] = field(default_factory=list)

    def note(self, served: Served) -> None:
        self.served[served.stage] = served


async def try_search(
    version: IndexVersion, question: str, *, before: str, k: int, reranker: RerankAdapter | None
) -> Search:
    """Search a version (its base joined) as a turn would, and look at what came after the first ``k``."""
    index = index_of(version)
    rag = RAGSystem.of(version, reranker)
    try:
        context = answering.context_of(question, before)
        found = await rag.search(question, before=context, k=k, considered=CANDIDATES)
    except RetrievalError as exc:
        return Search(error=exc, threshold=index.min_confidence)
    by_fusion = sorted(found.considered, key=lambda passage: -passage.fused)
    place = {passage.chunk_id: rank for rank, passage in enumerate(by_fusion, start=1)}
    given = {passage.chunk_id for passage in found.passages}
    rows = [
        Row(p, place[p.chunk_id], p.chunk_id in given, p.score < index.min_confidence)
        for p in found.considered
    ]
    return Search(found, tuple(rows), index.min_confidence)


async def try_answer(
    plan: CallPlan,
    question: str,
    found: Found | None,
    history: Sequence[Message] = (),
    *,
    aloud: bool = True,
) -> Answer:
    """Return what the assistant says to ``question`` after ``history``; ``aloud``: with its sound."""
    answer, tts = Answer(), make_tts(plan)
    try:
        await word(answer, plan, question, found, make_llm(plan), history)
        if answer.text and aloud:
            await speak(answer, tts)
    except EngineError as exc:
        answer.errors.append(exc)
    return answer


async def word(
    answer: Answer,
    plan: CallPlan,
    question: str,
    found: Found | None,
    llm: LLMAdapter,
    history: Sequence[Message] = (),
    now: datetime.datetime | None = None,
) -> None:
    """Fill in what is said to ``question`` and which way it came; raises EngineError.

    Where the language model fails and the entry's own words are said, the error is kept in ``answer``.
    """
    now = now or timezone.localtime()
    answer.text = sentence_of_tool(plan.tools, question)
    if answer.text:
        return
    answer.way, answer.text = answering.decide(question, found, plan, now, history)
    if answer.way is Way.MODEL:
        passages = answering.shown(found.passages) if found else []
        answer.messages = answering.messages(plan.system_prompt, history, question, passages)
        guarded = plan.knowledge_base is not None
        grounding = answering.grounding(question, found, plan, now) if guarded else Grounding()
        output = filter_for(plan.output, question, answer.messages)
        try:
            await ask_model(answer, llm, grounding, output)
        except EngineError as exc:
            words = words_behind(answer.text, found, plan.output.max_chars)
            if words is None:
                raise
            answer.text += words
            answer.way = Way.WRITTEN if words else answer.way
            answer.errors.append(exc)


async def recite(plan: CallPlan, text: str) -> Answer:
    """Return a fixed text with its sound as the caller hears it."""
    answer = Answer(text)
    try:
        await speak(answer, make_tts(plan))
    except EngineError as exc:
        answer.errors.append(exc)
    return answer


async def ask_model(answer: Answer, llm: LLMAdapter, grounding: Grounding, output: OutputFilter) -> None:
    """Let the language model answer ``answer.messages``, as far as it may be said and is supported.

    Raises EngineError.
    """
    answer.tokens = await count_tokens(llm.routes.endpoints[0], answer.messages)
    began = time.perf_counter()

    async def timed() -> AsyncIterator[str]:
        async for text in llm.stream(answer.messages, answer.note):
            if answer.first_token_ms is None:
                answer.first_token_ms = milliseconds_since(began)
            answer.written += text
            yield text

    words = spoken_words(timed(), output, engine=lambda: answer.served["llm"].engine)
    async for clause in grounding.clauses(words):
        if answer.first_clause_ms is None:
            answer.first_clause_ms = milliseconds_since(began)
        answer.text += clause
    answer.llm_ms = milliseconds_since(began)
    answer.stopped = grounding.stopped


async def speak(answer: Answer, tts: TTSAdapter) -> None:
    """Add the sound, clause by clause as in a call: from the cache, or the engine; raises EngineError."""
    mulaw, began = b"", time.perf_counter()
    for clause in clauses_of(answer.text):
        if (audio := await phrase_cache().fetch(tts, clause)) is not None:
            mulaw += audio
            continue
        async for piece in tts.stream(clause, answer.note):
            if answer.first_audio_ms is None:
                answer.first_audio_ms = milliseconds_since(began)
            mulaw += piece
    answer.wav = wav_bytes(g711.RATE, g711.decode(mulaw))


def milliseconds_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
