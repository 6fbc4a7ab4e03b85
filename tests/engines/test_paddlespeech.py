"""PaddleSpeech's own loading and inference in its own Python, on a small model that is made here.

Opt-in: `make test-paddle`. The worker's end and its silence are tried with any Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from engines.backends.tts import PaddleSpeech
from engines.local import paddlespeech
from engines.local.base import BadRequestError, EngineDownError, Samples
from engines.local.paddlespeech import PaddleSpeechTTS, Worker

TEXT = "您好，这里是客服中心，电话400-820-8800。"
PYTHON = settings.AIKER.paddle_python

needs_paddle = pytest.mark.skipif(not PYTHON.exists(), reason="needs PaddleSpeech: make test-paddle")


def samples(pieces: Iterator[bytes]) -> Samples:
    return np.frombuffer(b"".join(pieces), "<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Make a model with this vocoder and so many speakers."""

    def make(vocoder: str, speakers: int) -> Path:
        folder = tmp_path_factory.mktemp(vocoder) / "model"
        script = Path(__file__).with_name("paddle_checkpoint.py")
        subprocess.run([PYTHON, "-I", script, folder, vocoder, str(speakers)], check=True, timeout=180)
        return folder

    return make


@pytest.fixture(scope="session")
def tts(checkpoint: Callable[[str, int], Path], tmp_path_factory: pytest.TempPathFactory) -> PaddleSpeechTTS:
    engine = PaddleSpeechTTS(checkpoint("hifigan", 2), 1, tmp_path_factory.mktemp("cache"), PYTHON)
    engine.warm()
    return engine


@needs_paddle
def test_text_becomes_speech_clause_by_clause(tts: PaddleSpeechTTS) -> None:
    made = [piece for piece in tts.pieces(TEXT) if samples(iter([piece])).max() > 0.01]

    assert len(made) >= 2
    # 6 frames of 12.5 ms for each of the 50 sounds, between silences that are cut away.
    assert 1.5 < sum(map(len, made)) / 48_000 < 6


@needs_paddle
def test_faster_speech_is_shorter(tts: PaddleSpeechTTS) -> None:
    normal, fast = (len(samples(tts.pieces("欢迎来电", speed=speed))) for speed in (1.0, 2.0))

    assert fast == pytest.approx(normal / 2, rel=0.2)


@needs_paddle
def test_speakers_have_names(tts: PaddleSpeechTTS) -> None:
    assert tts.voices == ["default", "SSB0000", "SSB0001"]
    assert list(tts.pieces("您好", "SSB0000")) == list(tts.pieces("您好"))
    assert list(tts.pieces("您好", "SSB0001")) != list(tts.pieces("您好"))
    with pytest.raises(BadRequestError, match="Voices: default, SSB0000"):
        tts.pieces("您好", "nobody")


@needs_paddle
@pytest.mark.parametrize("text", ["", "……！", "😀", "\x00\x07", "OneSuite"])
def test_what_cannot_be_said_is_silence(tts: PaddleSpeechTTS, text: str) -> None:
    assert list(tts.pieces(text)) == []


@needs_paddle
def test_a_worker_that_dies_is_started_anew(tts: PaddleSpeechTTS) -> None:
    expected = list(tts.pieces("您好"))
    first = tts.worker.process
    assert first is not None
    pieces = tts.pieces(TEXT)
    next(pieces)
    first.kill()

    with pytest.raises(EngineDownError, match="worker ended and is started anew"):
        list(pieces)
    assert tts.worker.process is not first
    assert list(tts.pieces("您好")) == expected


@needs_paddle
def test_a_model_with_parallel_wavegan_speaks(checkpoint: Callable[[str, int], Path], tmp_path: Path) -> None:
    tts = PaddleSpeechTTS(checkpoint("pwgan", 1), 1, tmp_path, PYTHON)

    assert tts.voices == ["default"]
    assert len(samples(tts.pieces("欢迎来电"))) > 6000


@needs_paddle
def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    tts = PaddleSpeechTTS(tmp_path, 1, tmp_path, PYTHON)

    with pytest.raises(EngineDownError, match="fastspeech2 must hold one"):
        tts.warm()


def test_without_its_python_the_way_to_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Run: make paddle"):
        PaddleSpeechTTS(tmp_path, 1, tmp_path, tmp_path / "python")


def test_a_profile_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = settings.AIKER.model_copy(update={"paddle_python": tmp_path / "python"})
    monkeypatch.setattr(settings, "AIKER", config)

    assert "make paddle" in PaddleSpeech(model="any").problems()[0]


@pytest.mark.parametrize(
    ("code", "limit_s", "message"),
    [
        ("import time; time.sleep(60)", 0.5, "was silent for 0.5 s"),
        ("import os; os.abort()", 30.0, "worker ended"),
    ],
)
def test_a_worker_that_hangs_or_crashes_has_a_time_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, limit_s: float, message: str
) -> None:
    monkeypatch.setattr(paddlespeech, "LOAD_S", limit_s)
    worker = Worker([sys.executable, "-c", code], 1, tmp_path)

    with pytest.raises(EngineDownError, match=message):
        worker.ask({"text": "您好"})


def test_no_worker_outlives_its_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paddlespeech, "LOAD_S", 0.5)
    worker = Worker([sys.executable, "-c", "import time; time.sleep(60)"], 1, tmp_path)
    with pytest.raises(EngineDownError):
        worker.ask({})
    assert worker.process is not None
    pid = worker.process.pid
    os.kill(pid, 0)
    del worker

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
