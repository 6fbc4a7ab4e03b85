"""The engines of one call, over connections and breakers that the whole process shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from aiker.calls.phrases import PhraseCache
from aiker.calls.plan import CallPlan
from aiker.calls.tools import http
from aiker.calls.turn_model import TurnModel, shared_turn_model
from aiker.calls.vad import VadThread, shared_vad
from engines.adapters.llm_adapter import LLMAdapter
from engines.adapters.rerank_adapter import RerankAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.routing import Breakers, Routes
from engines.usage import Usage
from knowledge.rag import RAGSystem


@dataclass(frozen=True, slots=True)
class CallEngines:
    vad: VadThread
    stt: STTAdapter
    llm: LLMAdapter
    tts: TTSAdapter
    knowledge: RAGSystem | None
    phrases: PhraseCache
    send_tool: http.Send = http.send
    turn_model: TurnModel | None = None
    usage: Usage = field(default_factory=Usage)  # of the three stages above
    begin_call: Callable[[str, str], None] | None = None  # told the call's id and its caller: RAGSystem's


# A broken engine is broken for every call of this process.
_breakers = Breakers()


@functools.cache
def phrase_cache() -> PhraseCache:
    return PhraseCache(settings.AIKER.data_dir / "phrases")


def make_stt(plan: CallPlan, usage: Usage | None = None) -> STTAdapter:
    routes = Routes("stt", plan.engines.stt, _breakers, usage)
    return STTAdapter(routes, plan.language, plan.hot_words)


def make_tts(plan: CallPlan, usage: Usage | None = None) -> TTSAdapter:
    routes = Routes("tts", plan.engines.tts, _breakers, usage)
    return TTSAdapter(routes, plan.voice, plan.speed, plan.lexicon.read)


def make_llm(plan: CallPlan, usage: Usage | None = None) -> LLMAdapter:
    return LLMAdapter(Routes("llm", plan.engines.llm, _breakers, usage))


def make_reranker(plan: CallPlan) -> RerankAdapter | None:
    """Return what puts passages in order; None where the profile has none."""
    rerank = plan.engines.rerank
    return RerankAdapter(Routes("rerank", rerank, _breakers)) if rerank else None


def open_engines(plan: CallPlan) -> CallEngines:
    """Return the engines ``plan`` names; nothing is loaded or contacted yet but what listens for turns."""
    usage = Usage()
    knowledge = _knowledge(plan)
    return CallEngines(
        vad=shared_vad(plan.vad),
        stt=make_stt(plan, usage),
        llm=make_llm(plan, usage),
        tts=make_tts(plan, usage),
        knowledge=knowledge,
        phrases=phrase_cache(),
        turn_model=shared_turn_model(),
        usage=usage,
        begin_call=knowledge.begin_call if knowledge else None,
    )


def _knowledge(plan: CallPlan) -> RAGSystem | None:
    if plan.knowledge_base is None:
        return None
    return RAGSystem(plan.knowledge_base, make_reranker(plan))
