"""Calls that hear real speech with the real VAD, Whisper and Smart Turn; only the answers are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.audio.resample import resample
from aiker.calls.models import Assistant
from aiker.calls.plan import plan_for
from aiker.calls.turn_model import SmartTurn
from aiker.calls.vad import SileroVad
from engines.adapters.client import Note
from engines.catalog import model_dir
from engines.local.faster_whisper import FasterWhisperSTT
from engines.local.kokoro import KokoroTTS
from engines.routing import Served
from tests.calls.scripted import ScriptedCall, StandInEngines, play
from tests.calls.test_vad import Unthreaded

pytestmark = [pytest.mark.models, pytest.mark.django_db(transaction=True)]


class HearingEngines(StandInEngines):
    """Hears with the real models, at once: a scripted clock waits for no thread."""

    stt: FasterWhisperSTT
    turn_model: SmartTurn

    async def transcribe(self, mulaw: bytes, note: Note, _expected: str = "") -> str:
        await asyncio.sleep(self.recognition_s)
        note(Served("stt", "whisper-base"))
        samples = resample(g711.decode(mulaw), g711.RATE, 16_000).astype(np.float32) / np.float32(32768)
        return self.stt.transcribe(samples, "zh").text

    def ask(
        self, mulaw: bytes, loop: asyncio.AbstractEventLoop, on_answer: Callable[[float | None], None]
    ) -> None:
        loop.call_later(0.05, on_answer, self.turn_model.probability(mulaw))


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {
        "stt": FasterWhisperSTT(model_dir("whisper-base"), 2),
        "turn_model": SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx"),
    }


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Returns sentences over the telephone, with pauses in seconds between them."""
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path_factory.mktemp("cache"))

    def speak(*parts: str | float) -> bytes:
        audio = b""
        for part in parts:
            if isinstance(part, float):
                audio += g711.SILENCE * round(part * g711.RATE)
                continue
            pcm = resample(np.frombuffer(b"".join(tts.pieces(part, "zf_xiaobei")), "<i2"), 24_000, g711.RATE)
            audio += g711.encode(pcm[first_loud_sample(pcm) : last_loud_sample(pcm)])
        return audio

    return speak


def turns_of(audio: bytes, models: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of a call in which the caller says ``audio``."""
    plan = plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。"))
    seen: list[dict[str, Any]] = []

    async def scenario() -> None:
        engines = HearingEngines(answers=["一小时一百二十块。"] * 4)
        engines.stt, engines.turn_model = models["stt"], models["turn_model"]
        vad = SileroVad(model_dir("silero-vad") / "silero_vad.onnx").open()
        call = ScriptedCall(plan, engines, Unthreaded(vad))
        await call.plays(audio)
        await call.hangs_up()
        seen.extend(call.all("turn_finished"))

    play(scenario)
    return seen


def test_a_question_is_answered_after_a_short_silence(
    line: Callable[..., bytes], models: dict[str, Any]
) -> None:
    (turn,) = turns_of(line(2.0, "会议室多少钱一个小时？", 4.0), models)
    decided = turn["moments"]["end_of_turn"]
    assert (decided["words"], decided["silence_ms"]) == ("finished", 250)
    assert turn["moments"]["committed"] < 450


def test_a_caller_who_searches_for_words_is_waited_for(
    line: Callable[..., bytes], models: dict[str, Any]
) -> None:
    (turn,) = turns_of(line(2.0, "我想问一下那个，", 0.9, "会议室多少钱？", 4.0), models)
    assert "多少钱" in turn["user_text"]
    assert turn["user_text"].startswith("我想问")
