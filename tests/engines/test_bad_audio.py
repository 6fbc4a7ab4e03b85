"""What callers and scripts upload by mistake, over the real engine server with the real model."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from engines.backends.stt import FasterWhisper
from engines.catalog import model_dir
from engines.local.kokoro import KokoroTTS
from engines.registry import Place
from engines.server.app import create_app
from engines.server.stages import Stage, stages_for
from tests.engines.sounds import encoded

pytestmark = pytest.mark.models

Pcm = NDArray[np.int16]
RATE = 24_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    (stage,) = stages_for({"whisper-base": FasterWhisper()}, Place(2, tmp_path_factory.mktemp("cache")))
    return stage


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[TestClient]:
    with TestClient(create_app([stage])) as client:
        while (state := client.get("/health").json())["status"] == "loading":
            pass
        assert state["status"] == "ok"
        yield client


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Pcm:
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path_factory.mktemp("kokoro"))
    return np.frombuffer(b"".join(tts.pieces("请问你们几点开门？", "zm_yunxi")), "<i2")


def heard(client: TestClient, data: bytes, name: str = "q.wav") -> dict[str, Any]:
    """The verbose answer to an upload that is accepted."""
    answer = client.post(
        "/v1/audio/transcriptions",
        files={"file": (name, data)},
        data={"language": "zh", "response_format": "verbose_json"},
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(client: TestClient, data: bytes, name: str = "q.wav") -> str:
    """The message to an upload that is not."""
    answer = client.post("/v1/audio/transcriptions", files={"file": (name, data)})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == (
        "invalid_request_error",
        "file",
        "invalid_value",
    )
    return str(error["message"])


def minutes_of_nothing(minutes: float, rate: int = 8_000, codec: str = "pcm_mulaw") -> bytes:
    return encoded(np.zeros(round(minutes * 60 * RATE), np.int16), rate, codec)


@pytest.mark.parametrize("sound", ["silence", "noise", "tone"])
def test_what_is_not_speech_gives_no_text_and_the_reason(client: TestClient, sound: str) -> None:
    ticks = np.arange(3 * RATE)
    pcm = {
        "silence": np.zeros(ticks.size),
        "noise": np.random.default_rng(0).standard_normal(ticks.size) * 1000,
        "tone": np.sin(2 * np.pi * 425 * ticks / RATE) * 5000,
    }[sound].astype(np.int16)
    answer = heard(client, encoded(pcm, 16_000, "pcm_s16le"))

    assert answer["text"] == ""
    assert answer["rejected"]
    assert (answer["rejected"] == "silence") == (sound == "silence")


@pytest.mark.parametrize(
    ("rate", "codec", "layout"),
    [
        (96_000, "pcm_s16le", "mono"),
        (96_000, "pcm_s24le", "stereo"),
        (48_000, "pcm_f32le", "stereo"),
        (8_000, "pcm_alaw", "mono"),
    ],
)
def test_unusual_rates_and_channels_are_understood(
    client: TestClient, question: Pcm, rate: int, codec: str, layout: str
) -> None:
    answer = heard(client, encoded(question, rate, codec, layout))
    assert "几点" in answer["text"]
    assert answer["duration"] == pytest.approx(len(question) / RATE, abs=0.05)


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "q.wav", "is empty"),
        (b"no sound" * 99, "q.wav", "could not be read"),
        (b"<html><body>502 Bad Gateway</body></html>", "q.mp3", "could not be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5_000), "q.png", "could not be read"),
        (np.random.default_rng(0).bytes(200_000), "q.ogg", "could not be read"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "q.wav", "could not be read"),
    ],
    ids=["empty", "text", "html", "picture", "random", "half-a-header"],
)
def test_what_is_not_audio_is_refused(client: TestClient, data: bytes, name: str, message: str) -> None:
    assert message in refused(client, data, name)


def test_a_wav_without_samples_is_refused(client: TestClient) -> None:
    header = encoded(np.zeros(RATE, np.int16), 16_000, "pcm_s16le")
    start = header.index(b"data")
    assert "holds no samples" in refused(client, header[: start + 4] + bytes(4))


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "wav"), ("libmp3lame", "mp3")])
def test_of_a_truncated_file_what_is_there_is_heard(
    client: TestClient, question: Pcm, codec: str, container: str
) -> None:
    whole = encoded(np.tile(question, 2), 16_000, codec, container_format=container)
    answer = heard(client, whole[: len(whole) * 6 // 10], f"q.{container}")
    assert "几点" in answer["text"]
    assert 0.5 < answer["duration"] / (2 * len(question) / RATE) < 0.7


def test_a_truncated_file_whose_frames_are_checked_is_refused(client: TestClient, question: Pcm) -> None:
    whole = encoded(question, 16_000, "flac", container_format="flac")
    assert "could not be read" in refused(client, whole[: len(whole) * 6 // 10], "q.flac")


@pytest.mark.parametrize("minutes", [10, 2.1])
def test_audio_that_is_too_long_is_refused_at_once_with_the_limit(client: TestClient, minutes: float) -> None:
    recording = minutes_of_nothing(minutes)
    began = time.process_time()
    assert "longer than 120 s" in refused(client, recording)
    assert time.process_time() - began < 5


def test_a_small_file_that_unpacks_to_hours_is_refused(client: TestClient) -> None:
    hours = encoded(np.zeros(2 * 3600 * RATE // 3, np.int16), 8_000, "flac", container_format="flac")
    assert len(hours) < 10 * 2**20
    assert "longer than 120 s" in refused(client, hours, "q.flac")


def test_two_minutes_are_heard(client: TestClient, question: Pcm) -> None:
    pcm = np.zeros(119 * RATE, np.int16)
    pcm[: len(question)] = question
    answer = heard(client, encoded(pcm, 16_000, "pcm_s16le"))
    assert "几点" in answer["text"]
    assert answer["duration"] == pytest.approx(119, abs=0.1)


def test_more_than_25_megabytes_are_refused(client: TestClient) -> None:
    answer = client.post("/v1/audio/transcriptions", files={"file": ("q.wav", bytes(26 * 2**20))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_bad_upload_does_not_wait_in_the_line_of_calls(client: TestClient, stage: Stage) -> None:
    gate = threading.Event()
    held = stage.queue._executor.submit(gate.wait, 30)  # the model is busy
    try:
        assert "could not be read" in refused(client, b"no sound" * 99)
        assert "longer than 120 s" in refused(client, minutes_of_nothing(3))
        assert not held.done(), "both were answered meanwhile"
    finally:
        gate.set()


def test_memory_does_not_grow_over_bad_uploads(client: TestClient, question: Pcm) -> None:
    flac = encoded(question, 16_000, "flac", container_format="flac")
    uploads = [
        b"no sound" * 10_000,
        np.random.default_rng(0).bytes(500_000),
        flac[:200],
        minutes_of_nothing(3),
    ]

    def send(times: int) -> int:
        for _ in range(times):
            for data in uploads:
                refused(client, data, "q.flac")
        gc.collect()
        return int(psutil.Process().memory_info().rss)

    before = send(10)  # the allocator has its pools by then
    grown = send(40) - before
    assert grown < 25 * 2**20, f"{grown / 2**20:.0f} MB for 160 uploads"
