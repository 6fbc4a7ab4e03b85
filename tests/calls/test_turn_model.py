"""Smart Turn on real speech, and the thread it runs on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.audio.resample import resample
from aiker.calls.turn_model import SmartTurn, TurnModel, shared_turn_model
from engines.catalog import model_dir
from engines.local.kokoro import KokoroTTS


@pytest.fixture
def fresh() -> Iterator[None]:
    shared_turn_model.cache_clear()
    yield
    shared_turn_model.cache_clear()


@pytest.fixture(scope="module")
def speak(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Returns a sentence over the telephone, 8 kHz mu-law, and 64 ms of the pause behind it."""
    tts = KokoroTTS(model_dir("kokoro-int8"), 1, tmp_path_factory.mktemp("cache"))

    def say(text: str) -> bytes:
        pcm = np.frombuffer(b"".join(tts.pieces(text, "zf_xiaobei")), "<i2")
        audio = resample(pcm, 24_000, g711.RATE)
        return g711.encode(audio[first_loud_sample(audio) : last_loud_sample(audio)]) + g711.SILENCE * 512

    return say


@pytest.mark.models
def test_a_question_sounds_finished_and_a_filler_does_not(speak: Callable[[str], bytes]) -> None:
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    assert model.probability(speak("请问固定工位一个月多少钱？")) > 0.9
    # Speech differs a little from processor to processor (int8 sums): under 0.1 with VNNI, 0.155 without.
    assert model.probability(speak("然后呢，就是那个，")) < 0.2


@pytest.mark.models
def test_audio_of_any_length_is_judged_by_its_last_8_seconds(speak: Callable[[str], bytes]) -> None:
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    line = speak("好的。")
    long = line * (10 * g711.RATE // len(line))
    assert model.probability(long) == model.probability(long[-8 * g711.RATE :])
    assert 0 <= model.probability(line[:800]) <= 1


@pytest.mark.models
@pytest.mark.usefixtures("fresh")
async def test_the_answer_comes_on_the_event_loop() -> None:
    model = shared_turn_model()
    assert model is not None
    answered: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
    model.ask(g711.SILENCE * 8000, asyncio.get_running_loop(), answered.set_result)
    async with asyncio.timeout(20):
        probability = await answered
    assert probability is not None
    assert 0 <= probability <= 1


async def test_a_model_that_fails_once_serves_the_next_pause(caplog: pytest.LogCaptureFixture) -> None:
    def probability(mulaw: bytes) -> float:
        if not mulaw:
            raise ValueError("nothing to hear")
        return 0.9

    model = TurnModel(probability)
    model.start()
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[float | None] = asyncio.Queue()
    for audio in (b"", b"\x10"):
        model.ask(audio, loop, answers.put_nowait)
    async with asyncio.timeout(20):
        assert [await answers.get(), await answers.get()] == [None, 0.9]
    assert "judged without it" in caplog.text


@pytest.mark.usefixtures("fresh")
def test_a_machine_without_the_model_goes_on_without(
    tmp_path: Path, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path})
    with caplog.at_level(logging.WARNING):
        assert shared_turn_model() is None
    assert "manage.py models pull smart-turn-v3" in caplog.text
