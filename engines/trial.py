"""Run an engine once, for real, and say what came and how long it took.

::

    trial = asyncio.run(try_engine("stt", endpoint))
    trial.text, trial.first_ms, trial.total_ms
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from aiker.audio import g711
from engines.adapters.client import client_for, engine_errors
from engines.adapters.llm_adapter import LLMAdapter
from engines.adapters.rerank_adapter import RerankAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.profiles import default_plan
from engines.routing import Breakers, Endpoint, Routes

SENTENCE = "请问你们周六开门吗？"
PASSAGES = ("周六照常营业。", "押金是两个月租金。")
VOICE = "zf_xiaobei"


@dataclass(frozen=True, slots=True)
class Trial:
    """``first_ms`` is until the first result, ``total_ms`` until the last; ``text`` tells what came."""

    text: str
    first_ms: int
    total_ms: int


async def try_engine(stage: str, endpoint: Endpoint) -> Trial:
    """Return what the engine makes of a sentence; EngineError when it makes nothing."""
    speech = await _default_speech() if stage == "stt" else b""
    began = time.perf_counter()
    marks: list[float] = []
    match stage:
        case "stt":
            text = await STTAdapter(_only("stt", endpoint), "zh").transcribe(speech, lambda _served: None)
        case "llm":
            text = await _answer(endpoint, marks)
        case "tts":
            text = await _speech_length(endpoint, marks)
        case "rerank":
            text = await _ranking(endpoint)
        case _:
            text = await _vector(endpoint)
    total_ms = _since(began)
    return Trial(text, round((marks[0] - began) * 1000) if marks else total_ms, total_ms)


async def _answer(endpoint: Endpoint, marks: list[float]) -> str:
    text = ""
    async for piece in LLMAdapter(_only("llm", endpoint)).stream(
        [{"role": "user", "content": SENTENCE}], lambda _served: marks.append(time.perf_counter())
    ):
        text += piece
    return text


async def _speech_length(endpoint: Endpoint, marks: list[float]) -> str:
    adapter = TTSAdapter(_only("tts", endpoint), VOICE)
    speech = await adapter.synthesize(SENTENCE, lambda _served: marks.append(time.perf_counter()))
    return f"{SENTENCE} {len(speech) / g711.RATE:.1f} s"


async def _vector(endpoint: Endpoint) -> str:
    with engine_errors("embedding", endpoint.url):
        answer = await client_for(endpoint).embeddings.create(input=SENTENCE, model=endpoint.model)
    return f"{len(answer.data[0].embedding)}"


async def _ranking(endpoint: Endpoint) -> str:
    adapter = RerankAdapter(_only("rerank", endpoint))
    scores = await adapter.score(SENTENCE, PASSAGES, lambda _served: None)
    return ", ".join(f"{passage} {score:.3f}" for passage, score in zip(PASSAGES, scores, strict=True))


async def _default_speech() -> bytes:
    """The sentence as the engine of the settings speaks it: what recognition is tried with."""
    try:
        return await TTSAdapter(Routes("tts", default_plan().tts, Breakers()), VOICE).synthesize(SENTENCE)
    except EngineError as exc:
        raise EngineError("tts", exc.code, f"no speech to try it with: {exc.message}") from exc


def _only(stage: str, endpoint: Endpoint) -> Routes:
    return Routes(stage, [endpoint], Breakers())


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
