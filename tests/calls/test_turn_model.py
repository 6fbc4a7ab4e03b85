"""Smart Turn on real speech, and the thread it runs on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
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
def line(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A question over the telephone, 8 kHz mu-law, up to its last sound."""
    tts = KokoroTTS(model_dir("kokoro-int8"), 1, tmp_path_factory.mktemp("cache"))
    pcm = np.frombuffer(b"".join(tts.pieces("请问固定工位一个月多少钱？", "zf_xiaobei")), "<i2")
    audio = resample(pcm, 24_000, g711.RATE)
    return g711.encode(audio[first_loud_sample(audio) : last_loud_sample(audio)])


@pytest.mark.models
def test_a_finished_question_sounds_finished_and_its_beginning_does_not(line: bytes) -> None:
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    pause = g711.SILENCE * 1600
    assert model.probability(line + pause) > 0.5
    assert model.probability(line[: len(line) // 4]) < 0.5


@pytest.mark.models
def test_audio_of_any_length_is_judged_by_its_last_8_seconds(line: bytes) -> None:
    model = SmartTurn(model_dir("smart-turn-v3") / "smart-turn.onnx")
    long = line * 12
    assert model.probability(long) == model.probability(long[-8 * g711.RATE :])
    assert 0 <= model.probability(line[:800]) <= 1


@pytest.mark.models
async def test_the_answer_comes_on_the_event_loop(line: bytes, fresh: None) -> None:
    model = shared_turn_model()
    assert model is not None
    answered: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
    model.ask(line, asyncio.get_running_loop(), answered.set_result)
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


def test_a_machine_without_the_model_goes_on_without(
    tmp_path: Path, settings: LazySettings, caplog: pytest.LogCaptureFixture, fresh: None
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path})
    with caplog.at_level(logging.WARNING):
        assert shared_turn_model() is None
    assert "manage.py models pull smart-turn-v3" in caplog.text
