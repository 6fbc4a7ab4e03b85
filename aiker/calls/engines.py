"""The engines of one call, over connections and breakers that the whole process shares."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from django.conf import settings

from aiker.calls.phrases import PhraseCache
from aiker.calls.plan import CallPlan
from aiker.calls.vad import VadThread, shared_vad
from engines.adapters.llm_adapter import LLMAdapter
from engines.adapters.rerank_adapter import RerankAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.routing import Breakers, Routes
from knowledge.retrieval import RetrievalResult, Retriever


class CallKnowledge:
    """The index version a call answers from, opened at its first search and again after a failure."""

    def __init__(self, collection: str, embedding_model: str, reranker: RerankAdapter | None) -> None:
        self._collection = collection
        self._embedding_model = embedding_model
        self._reranker = reranker
        self._retriever: Retriever | None = None

    async def search(self, query: str, k: int) -> RetrievalResult:
        """Return the passages for ``query``; raises RetrievalError."""
        if self._retriever is None:
            self._retriever = await Retriever.for_collection(
                self._collection, self._embedding_model, reranker=self._reranker
            )
        return await self._retriever.search(query, k)


@dataclass(frozen=True, slots=True)
class CallEngines:
    vad: VadThread
    stt: STTAdapter
    llm: LLMAdapter
    tts: TTSAdapter
    knowledge: CallKnowledge | None
    phrases: PhraseCache


# A broken engine is broken for every call of this process.
_breakers = Breakers()


@functools.cache
def phrase_cache() -> PhraseCache:
    return PhraseCache(settings.AIKER.data_dir / "phrases")


def make_tts(plan: CallPlan) -> TTSAdapter:
    return TTSAdapter(Routes("tts", plan.engines.tts, _breakers), plan.voice, plan.speed)


def open_engines(plan: CallPlan) -> CallEngines:
    """Return the engines ``plan`` names; nothing is loaded or contacted yet but the VAD."""
    engines = plan.engines
    return CallEngines(
        vad=shared_vad(plan.vad),
        stt=STTAdapter(Routes("stt", engines.stt, _breakers), plan.language, plan.hot_words),
        llm=LLMAdapter(Routes("llm", engines.llm, _breakers)),
        tts=make_tts(plan),
        knowledge=_knowledge(plan),
        phrases=phrase_cache(),
    )


def _knowledge(plan: CallPlan) -> CallKnowledge | None:
    if not plan.collection:
        return None
    rerank = plan.engines.rerank
    reranker = RerankAdapter(Routes("rerank", rerank, _breakers)) if rerank else None
    return CallKnowledge(plan.collection, plan.embedding_model, reranker)
