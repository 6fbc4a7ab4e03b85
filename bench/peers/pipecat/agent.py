"""A telephone agent of Pipecat with the models that Aiker uses; ``bench/compare.py`` starts it.

The structure is that of Pipecat's own Twilio example: FastAPI, ``FastAPIWebsocketTransport``,
``TwilioFrameSerializer``, Silero and Smart Turn with their defaults. What differs, and why, is listed in
``bench/peers/README.md``. ``PEER.json`` holds the fields of ``Setup``; a call comes in at ``/ws``, and
``/calls/<its id>`` gives what was said in it.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faster_whisper
import uvicorn
from fastapi import FastAPI, WebSocket
from kokoro_onnx import Kokoro
from misaki.zh import ZHG2P
from openai import AsyncOpenAI
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.observers.user_bot_latency_observer import MeasuredFrom, UserBotLatencyObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.kokoro import tts as kokoro_service
from pipecat.services.kokoro.tts import KokoroTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.whisper import stt as whisper_service
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transcriptions.language import Language
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

INPUT_HZ = 16_000  # what Whisper, Silero and Smart Turn hear; the serializer resamples the line's 8 kHz
LINE_HZ = 8_000
MAX_TOKENS = 160
# Kokoro pauses at these; misaki leaves the Chinese ones, which it does not know.
MARKS = str.maketrans({"，": ",", "、": ",", "。": ".", "！": "!", "？": "?", "；": ";", "：": ":"})


@dataclass(frozen=True)
class Setup:
    """What the agent is made of; all of it as in Aiker."""

    port: int
    threads: int
    whisper: str  # a CTranslate2 model's folder
    whisper_prompt: str
    kokoro: str  # the ONNX file
    voices: str  # an .npz of all voices
    voice: str
    llm_url: str
    llm_model: str
    instructions: str
    greeting: str


class MandarinKokoro(Kokoro):
    """Reads Mandarin with misaki, as kokoro-onnx's own Chinese example does, instead of espeak."""

    g2p = ZHG2P()

    def create_stream(
        self, text: str, voice: str, speed: float = 1.0, **_language: Any
    ) -> AsyncIterator[Any]:
        phonemes = self.g2p(text.translate(MARKS))
        return super().create_stream(phonemes, voice, speed, is_phonemes=True)


def share_models(setup: Setup) -> None:
    """Have every call use the same two models; the services would load them anew for each."""
    whisper = functools.partial(faster_whisper.WhisperModel, cpu_threads=setup.threads)
    whisper_service.WhisperModel = functools.cache(whisper)
    kokoro_service.Kokoro = functools.cache(MandarinKokoro)


def stt_service(setup: Setup) -> WhisperSTTService:
    settings = WhisperSTTService.Settings(
        model=setup.whisper, language=Language.ZH, initial_prompt=setup.whisper_prompt
    )
    return WhisperSTTService(device="cpu", compute_type="int8", settings=settings)


def tts_service(setup: Setup) -> KokoroTTSService:
    settings = KokoroTTSService.Settings(voice=setup.voice, language=Language.ZH)
    return KokoroTTSService(model_path=setup.kokoro, voices_path=setup.voices, settings=settings)


def llm_service(setup: Setup) -> OpenAILLMService:
    settings = OpenAILLMService.Settings(
        model=setup.llm_model,
        system_instruction=setup.instructions,
        temperature=0.0,
        max_tokens=MAX_TOKENS,
    )
    return OpenAILLMService(api_key="none", base_url=setup.llm_url, settings=settings)


async def warm(setup: Setup) -> None:
    """Run every model once, so that the first call waits for none."""
    import numpy as np

    await read_ahead(setup)
    stt, tts = stt_service(setup), tts_service(setup)
    noise = np.random.default_rng(0).standard_normal(2 * INPUT_HZ).astype(np.float32) * 0.01
    list(stt._model.transcribe(noise, language="zh")[0])
    async for _audio in tts._kokoro.create_stream(setup.greeting, setup.voice):
        pass


async def read_ahead(setup: Setup) -> None:
    """Let the LLM server keep the instructions, as Aiker has it do at the start of a call."""
    messages: Any = [{"role": "system", "content": setup.instructions}]
    async with AsyncOpenAI(api_key="none", base_url=setup.llm_url) as client:
        await client.chat.completions.create(model=setup.llm_model, messages=messages, max_tokens=1)


class Record:
    """What was said in one call, each with its seconds since the call began."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self.said: list[dict[str, Any]] = []
        self.latencies: list[dict[str, Any]] = []

    def add(self, role: str, message: Any) -> None:
        at = datetime.fromisoformat(message.timestamp)
        self.said.append({"role": role, "text": message.content, "at_s": (at - self._began).total_seconds()})

    def add_latency(self, breakdown: Any) -> None:
        """Keep where the time of an answer went; a greeting answers nobody."""
        if breakdown.measured_from is not MeasuredFrom.USER_SILENCE:
            return
        parts = {part.key: round(part.duration_secs * 1000) for part in breakdown.contributions}
        self.latencies.append({"total_ms": round(breakdown.total_secs * 1000), "parts": parts})


def transport_for(websocket: WebSocket, call: Any) -> FastAPIWebsocketTransport:
    serializer = TwilioFrameSerializer(
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
    )
    return FastAPIWebsocketTransport(websocket=websocket, params=params)


async def answer(websocket: WebSocket, setup: Setup, record: Record, call: Any) -> None:
    """Hold one call; returns when it is over."""
    transport = transport_for(websocket, call)
    context = LLMContext()
    user, assistant = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    stt, llm, tts = stt_service(setup), llm_service(setup), tts_service(setup)
    latency = UserBotLatencyObserver()
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, llm, tts, transport.output(), assistant]),
        params=PipelineParams(
            audio_in_sample_rate=INPUT_HZ, audio_out_sample_rate=LINE_HZ, enable_metrics=True
        ),
        observers=[latency],
    )

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport: Any, _client: Any) -> None:
        await worker.queue_frames([TTSSpeakFrame(setup.greeting)])
        await read_ahead(setup)

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: Any, _client: Any) -> None:
        await worker.cancel()

    @user.event_handler("on_user_turn_stopped")
    async def on_user_turn_stopped(_user: Any, _strategy: Any, message: Any) -> None:
        record.add("caller", message)

    @assistant.event_handler("on_assistant_turn_stopped")
    async def on_assistant_turn_stopped(_assistant: Any, message: Any) -> None:
        record.add("assistant", message)

    @latency.event_handler("on_latency_breakdown")
    async def on_latency_breakdown(_observer: Any, breakdown: Any) -> None:
        record.add_latency(breakdown)

    runner = WorkerRunner(handle_sigint=False, force_gc=True)
    await runner.add_workers(worker)
    await runner.run()


def application(setup: Setup) -> FastAPI:
    records: dict[str, Record] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await warm(setup)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/calls/{call_id}")
    async def said(call_id: str) -> dict[str, Any]:
        return {"said": records[call_id].said, "latencies": records[call_id].latencies}

    @app.websocket("/ws")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        record = Record()
        _, call = await parse_telephony_websocket(websocket)
        records[call["call_id"]] = record
        await answer(websocket, setup, record, call)

    return app


def main(path: Path) -> None:
    setup = Setup(**json.loads(path.read_text(encoding="utf-8")))
    share_models(setup)
    uvicorn.run(application(setup), host="127.0.0.1", port=setup.port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
