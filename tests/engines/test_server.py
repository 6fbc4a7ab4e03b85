"""The engine server as OpenAI's own client sees it, over a real socket with the real models."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from engines.backends.embedding import BGEOnnx
from engines.backends.stt import FasterWhisper
from engines.backends.tts import Kokoro
from engines.local.base import BadRequestError, EngineDownError, Transcript, Utterance
from engines.registry import Place
from engines.server.app import create_app
from engines.server.stages import Stage, stages_for
from tests.engines.serving import serving
from tests.engines.sounds import encoded

QUESTION = "请问你们几点开门？"
LONG_TEXT = "我们的营业时间是早上九点。周末也正常营业，欢迎您来。" * 8


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[Stage]:
    """Of the real models, which are loaded once."""
    engines = {"whisper-base": FasterWhisper(), "kokoro-int8": Kokoro(), "bge-small-zh": BGEOnnx()}
    place = Place(threads=2, cache_dir=tmp_path_factory.mktemp("cache"))
    return stages_for(engines, place, {"second-name": Kokoro()})


@pytest.fixture(scope="session")
def server_url(stages: list[Stage]) -> Iterator[str]:
    with serving(stages) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{server_url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def health(server_url: str) -> AsyncIterator[Callable[[], Any]]:
    async with httpx.AsyncClient(base_url=server_url) as http:

        async def tts_queue() -> int:
            engines = (await http.get("/health")).json()["engines"]
            return next(engine["queue"] for engine in engines if engine["kind"] == "tts")

        yield tts_queue


@pytest.fixture(scope="session")
def question_wav(server_url: str) -> bytes:
    """QUESTION in a man's voice, 24 kHz."""
    body = {"input": QUESTION, "voice": "zm_yunxi", "response_format": "wav"}
    return httpx.post(f"{server_url}/v1/audio/speech", json=body, timeout=60).raise_for_status().content


def samples(wav: bytes) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.models
class TestTranscriptions:
    async def test_speech_made_here_is_understood(
        self, client: openai.AsyncOpenAI, question_wav: bytes
    ) -> None:
        heard = await client.audio.transcriptions.create(model="whisper-base", file=("q.wav", question_wav))

        assert "请问你们几点开" in heard.text

    @pytest.mark.parametrize(
        ("rate", "codec", "layout"),
        [(8_000, "pcm_mulaw", "mono"), (16_000, "pcm_s16le", "mono"), (44_100, "pcm_s16le", "stereo")],
    )
    async def test_any_wav_is_read(
        self, client: openai.AsyncOpenAI, question_wav: bytes, rate: int, codec: str, layout: str
    ) -> None:
        wav = encoded(samples(question_wav), rate, codec, layout)
        heard = await client.audio.transcriptions.create(
            model="whisper-base", file=("q.wav", wav), language="zh", response_format="verbose_json"
        )

        assert "你们几点" in heard.text
        assert float(heard.duration) == pytest.approx(len(samples(question_wav)) / 24_000, abs=0.05)

    async def test_raw_samples_are_read_at_the_rate_they_name(
        self, client: openai.AsyncOpenAI, question_wav: bytes
    ) -> None:
        pcm = samples(question_wav).tobytes()
        heard = await client.audio.transcriptions.create(
            model="whisper-base", file=("q.pcm", pcm, "audio/pcm;rate=24000"), response_format="text"
        )

        assert "你们几点" in heard

    async def test_the_prompt_gives_names_their_spelling(self, client: openai.AsyncOpenAI) -> None:
        wav = await client.audio.speech.create(
            model="kokoro-int8",
            voice="zf_xiaobei",
            input="请问OneSuite几点开门？",
            response_format="wav",
        )
        heard = await client.audio.transcriptions.create(
            model="whisper-base", file=("q.wav", wav.content), prompt="OneSuite"
        )

        assert "OneSuite" in heard.text

    async def test_a_stream_ends_with_the_whole_text(
        self, client: openai.AsyncOpenAI, question_wav: bytes
    ) -> None:
        stream = await client.audio.transcriptions.create(
            model="whisper-base", file=("q.wav", question_wav), stream=True
        )
        events = [event async for event in stream]

        delta, done = events
        assert delta.type == "transcript.text.delta"
        assert done.type == "transcript.text.done"
        assert delta.delta == done.text
        assert "你们几点" in done.text


@pytest.mark.models
class TestSpeech:
    async def test_the_first_piece_arrives_while_others_are_still_made(
        self, client: openai.AsyncOpenAI, health: Callable[[], Any]
    ) -> None:
        async with client.audio.speech.with_streaming_response.create(
            model="kokoro-int8", voice="zf_xiaobei", input="您好，" + LONG_TEXT, response_format="pcm"
        ) as response:
            chunks = response.iter_bytes(1024)
            await anext(chunks)
            async with asyncio.timeout(10):
                while await health() == 0:
                    pass
            assert len(b"".join([chunk async for chunk in chunks])) > 100_000

    async def test_a_client_that_hangs_up_stops_the_synthesis(
        self, client: openai.AsyncOpenAI, health: Callable[[], Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "engines")
        async with client.audio.speech.with_streaming_response.create(
            model="kokoro-int8", voice="zf_xiaobei", input=LONG_TEXT, response_format="pcm"
        ) as response:
            await anext(response.iter_bytes(1024))
        async with asyncio.timeout(20):
            while "ms; the client went away" not in caplog.text or await health():
                await health()

    async def test_a_waiting_request_whose_client_left_is_dropped(
        self,
        client: openai.AsyncOpenAI,
        stages: list[Stage],
        health: Callable[[], Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level("INFO", "engines")
        line = next(stage.queue for stage in stages if stage.kind == "tts")
        busy = threading.Event()
        try:
            held = asyncio.create_task(line.run(busy.wait))
            asked = asyncio.create_task(
                client.audio.speech.create(model="kokoro-int8", voice="zf_xiaobei", input=LONG_TEXT)
            )
            async with asyncio.timeout(20):
                while await health() < 2:
                    pass
                asked.cancel()
                while "its request was dropped from the queue" not in caplog.text:
                    await health()
        finally:
            busy.set()
        await held

    async def test_pieces_are_evenly_loud_and_trimmed(self, client: openai.AsyncOpenAI) -> None:
        levels = []
        for text in ("好的，", "退款会在三到五个工作日内到账。"):
            wav = await client.audio.speech.create(
                model="kokoro-int8", voice="zm_yunxi", input=text, response_format="wav"
            )
            pcm = samples(wav.content).astype(np.float64) / 32768
            frames = np.sqrt(np.mean(pcm[: len(pcm) // 240 * 240].reshape(-1, 240) ** 2, axis=1))
            loud = np.flatnonzero(frames > 0.01)
            levels.append(20 * np.log10(np.sqrt(np.mean(frames[loud] ** 2))))
            assert loud[0] <= 6, "at most 60 ms before the first sound"
            assert np.abs(pcm).max() < 0.9

        assert levels[0] == pytest.approx(levels[1], abs=3)

    async def test_speed_shortens_speech(self, client: openai.AsyncOpenAI) -> None:
        lengths = []
        for speed in (1.0, 1.5):
            pcm = await client.audio.speech.create(
                model="kokoro-int8", voice="zf_xiaobei", input=QUESTION, response_format="pcm", speed=speed
            )
            lengths.append(len(pcm.content))

        assert lengths[1] < lengths[0] * 0.85


@pytest.mark.models
class TestEmbeddings:
    async def test_like_texts_are_near_and_unlike_ones_far(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.embeddings.create(
            model="bge-small-zh", input=["退款需要几天", "多久可以退款", "你们公司在哪里"]
        )
        vectors = np.array([item.embedding for item in answer.data])

        assert vectors.shape == (3, 512)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
        assert vectors[0] @ vectors[1] > 0.7
        assert vectors[0] @ vectors[2] < 0.5

    async def test_both_encodings_carry_the_same_numbers(self, client: openai.AsyncOpenAI) -> None:
        plain = await client.embeddings.create(model="bge-small-zh", input="你好", encoding_format="float")
        packed = await client.embeddings.create(model="bge-small-zh", input="你好")

        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)

    async def test_order_is_kept_over_many_lengths(self, client: openai.AsyncOpenAI) -> None:
        texts = ["资料" * (1 + n * 7 % 40) for n in range(50)]
        together = await client.embeddings.create(model="bge-small-zh", input=texts)
        alone = await client.embeddings.create(model="bge-small-zh", input=texts[33])

        # int8 scales depend on the batch a little.
        assert np.dot(together.data[33].embedding, alone.data[0].embedding) > 0.98


@pytest.mark.models
class TestModels:
    async def test_loaded_models_are_listed(self, client: openai.AsyncOpenAI) -> None:
        models = {model.id: model.model_dump() async for model in client.models.list()}

        assert {model_id: model["kind"] for model_id, model in models.items()} == {
            "whisper-base": "stt",
            "kokoro-int8": "tts",
            "bge-small-zh": "embedding",
        }
        assert {"zf_xiaobei", "zm_yunxi"} <= set(models["kokoro-int8"]["voices"])
        assert all(model["owned_by"] == "aiker" for model in models.values())

    async def test_an_unknown_model_is_not_found(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.NotFoundError, match="loaded for this: 'bge-small-zh'") as caught:
            await client.embeddings.create(model="text-embedding-3-small", input="你好")

        assert caught.value.code == "model_not_found"


class Echo:
    """An engine of the STT protocol that hears what it is told to."""

    def __init__(self, error: Exception | None = None, gate: threading.Event | None = None) -> None:
        self.error = error
        self.gate = gate

    def warm(self) -> None:
        pass

    most_together = 1

    def transcribe_many(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        assert self.gate is None or self.gate.wait(10)
        if self.error:
            raise self.error
        return [Transcript("好", "zh", 1.0)] * len(utterances)


def silence() -> dict[str, Any]:
    return {"file": ("q.wav", encoded(np.zeros(2400, np.int16), 8_000, "pcm_s16le"))}


def test_health_is_503_until_the_models_are_warm() -> None:
    gate = threading.Event()

    def load() -> Echo:
        assert gate.wait(10)
        return Echo()

    with TestClient(create_app([Stage("stt", "echo", load)])) as client:
        before = client.get("/health")
        refused = client.post("/v1/audio/transcriptions", files=silence())
        gate.set()
        while (after := client.get("/health")).status_code == 503:
            pass

    assert (before.status_code, before.json()["status"]) == (503, "loading")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    (report,) = after.json()["engines"]
    assert after.json()["status"] == "ok"
    assert report.pop("memory_mb") >= 0
    assert report == {"kind": "stt", "model": "echo", "state": "ready", "queue": 0, "device": "cpu"}


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    failed = threading.Event()
    stages = stages_for({"gone": BGEOnnx(model="silero-vad")}, Place(1, tmp_path))

    with TestClient(create_app(stages, on_failure=failed.set)) as client:
        assert failed.wait(30)
        report = client.get("/health")

    assert report.status_code == 503
    assert report.json()["status"] == "failed"
    assert "gone" in report.json()["engines"][0]["model"]
    assert report.json()["engines"][0]["error"]


def test_an_extra_model_that_cannot_be_loaded_leaves_the_server_healthy(tmp_path: Path) -> None:
    failed = threading.Event()
    extra = stages_for({}, Place(1, tmp_path), {"extra": BGEOnnx(model="silero-vad")})

    with TestClient(create_app([ready(Echo()), *extra], on_failure=failed.set)) as client:
        while (report := client.get("/health").json())["engines"][1]["state"] == "loading":
            pass
        refused = client.post("/v1/embeddings", json={"model": "extra", "input": "a"})

    assert (report["status"], report["engines"][1]["state"]) == ("ok", "failed")
    assert refused.status_code == 503
    assert not failed.is_set()


def test_equal_engines_are_loaded_once(tmp_path: Path) -> None:
    kokoro = Kokoro(voice="zm_yunxi")
    stages = stages_for({"a": Kokoro()}, Place(1, tmp_path), {"b": Kokoro(), "c": kokoro, "d": kokoro})

    assert [(stage.model, set(stage.aliases), stage.required) for stage in stages] == [
        ("a", {"b"}, True),
        ("c", {"d"}, False),
    ]


def test_models_are_swapped_without_dropping_a_request(tmp_path: Path) -> None:
    gate = threading.Event()
    slow, place = ready(Echo(gate=gate)), Place(1, tmp_path)
    loads = BGEOnnx()

    with TestClient(create_app([slow], wanted=lambda: stages_for({"bge": loads}, place))) as client:
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(client.post, "/v1/audio/transcriptions", files=silence())
            while slow.queue.depth == 0:
                pass
            assert client.post("/v1/models/reload").json() == {"loading": ["bge"], "unloading": ["echo"]}
            assert client.post("/v1/audio/transcriptions", files=silence()).status_code == 404
            gate.set()
            assert waiting.result(10).status_code == 200
        while client.get("/health").json()["status"] != "ok":
            pass
        assert client.post("/v1/embeddings", json={"model": "bge", "input": "周六"}).status_code == 200
        assert client.post("/v1/models/reload").json() == {"loading": [], "unloading": []}


def ready(engine: Echo) -> Stage:
    return Stage("stt", "echo", lambda: engine, state="ready", engine=engine)


def test_a_full_queue_answers_429_and_when_to_come_back() -> None:
    stage = ready(Echo())
    stage.queue.limit = 0

    with TestClient(create_app([stage])) as client:
        answer = client.post("/v1/audio/transcriptions", files=silence())

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["error"]["code"] == "queue_full"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequestError("no such language", "language"), 400, "invalid_value"),
        (EngineDownError("its worker ended and is started anew"), 503, "engine_down"),
        (RuntimeError("a tensor of the wrong shape"), 500, "engine_failed"),
    ],
)
def test_errors_have_the_shape_of_openai(error: Exception, status: int, code: str) -> None:
    with TestClient(create_app([ready(Echo(error))]), raise_server_exceptions=False) as client:
        answer = client.post("/v1/audio/transcriptions", files=silence())

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code
    assert "tensor" not in json.dumps(answer.json())


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [("embeddings", '{"input": [1, 2]}', "input"), ("audio/speech", "{", None), ("nowhere", "{}", None)],
)
def test_malformed_bodies_are_refused(path: str, body: str, param: str | None) -> None:
    with TestClient(create_app([])) as client:
        answer = client.post(f"/v1/{path}", content=body)

    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param
