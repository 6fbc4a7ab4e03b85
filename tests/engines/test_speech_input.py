"""Text and arguments that no voice expects, over the real engine server with the real voice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from engines.backends.tts import Kokoro
from engines.registry import Place
from engines.server.stages import stages_for
from tests.engines.serving import serving

pytestmark = pytest.mark.models

SHORT = "您好。"


@pytest.fixture(scope="module")
def speech_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = Place(threads=2, cache_dir=tmp_path_factory.mktemp("cache"))
    with serving(stages_for({"kokoro-int8": Kokoro()}, place)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def http(speech_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=speech_url, timeout=120) as client:
        yield client


async def speak(http: httpx.AsyncClient, **change: Any) -> httpx.Response:
    body = {"input": SHORT, "voice": "zf_xiaobei", "response_format": "pcm"} | change
    return await http.post("/v1/audio/speech", json=body)


async def first_sound_s(http: httpx.AsyncClient, text: str) -> float:
    """Return how long the first sound of ``text`` takes; the rest is not waited for."""
    began = time.perf_counter()
    body = {"input": text, "voice": "zf_xiaobei", "response_format": "pcm"}
    async with http.stream("POST", "/v1/audio/speech", json=body) as answer:
        await anext(answer.aiter_bytes(1024))
        return time.perf_counter() - began


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"input": ""}, "input", "at least 1 character"),
        ({"input": "好" * 10_000}, "input", "at most 4096 characters"),
        ({"input": None}, "input", "valid string"),
        ({"voice": "nobody"}, "voice", "Mandarin voices: zf_xiaobei"),
        ({"voice": "../model"}, "voice", "Unknown voice"),
        ({"voice": "zf_xiaobei\x00"}, "voice", "Unknown voice"),
        ({"speed": 9}, "speed", "between 0.5 and 2.0"),
        ({"speed": -1}, "speed", "between 0.5 and 2.0"),
        ({"speed": "fast"}, "speed", "valid number"),
        ({"response_format": "ogg"}, "response_format", "'mp3', 'opus', 'aac', 'flac', 'wav' or 'pcm'"),
        ({"stream_format": "ws"}, "stream_format", "'audio' or 'sse'"),
        ({"instructions": "开心一点"}, "instructions", "at most 0 characters"),
        ({"pitch": 2}, "pitch", "not supported here; there is: input, instructions"),
    ],
)
async def test_a_wrong_request_names_the_field_and_what_is_possible(
    http: httpx.AsyncClient, change: dict[str, Any], param: str, message: str
) -> None:
    answer = await speak(http, **change)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("speed", ["NaN", "Infinity", "1e999"])
async def test_a_speed_that_is_no_number_is_refused(http: httpx.AsyncClient, speed: str) -> None:
    answer = await http.post("/v1/audio/speech", content=f'{{"input": "好", "speed": {speed}}}')

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in ("speed", None)


@pytest.mark.parametrize(
    "text",
    [
        "……！",
        "。" * 4096,
        "😀👍🏽❤️",
        "\x00\x01\x07\x1b",
        "\u202e\u200f\ufeff",
        "مرحبا שלום",
        "\u0301\u0301\u0301",
        " \n\t ",
    ],
    ids=["marks", "many marks", "emoji", "control", "format", "right-to-left", "combining", "blank"],
)
async def test_a_text_without_words_is_empty_audio(http: httpx.AsyncClient, text: str) -> None:
    pcm, wav = [await speak(http, input=text, response_format=kind) for kind in ("pcm", "wav")]

    assert (pcm.status_code, pcm.content) == (200, b"")
    assert (wav.status_code, len(wav.content)) == (200, 44)


@pytest.mark.parametrize(
    "text", ["您\x00好\x07。", "您\u200b好\ufeff。", "您好😀。", "您好\u0301。", "\u202e您好\u202c。"]
)
async def test_signs_between_words_change_nothing(http: httpx.AsyncClient, text: str) -> None:
    assert (await speak(http, input=text)).content == (await speak(http)).content


async def test_half_a_surrogate_pair_is_refused_or_not_said(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/audio/speech", content=b'{"input": "\\ud83d"}')

    assert answer.status_code == 400
    assert "error" in answer.json()


# What costs most to read: letters, figures and characters without a mark between them.
@pytest.mark.parametrize(
    "text", ["A" * 4096, "1" * 4096, "好" * 4096, "0." * 2048, "1/" * 2048, "您好，" * 1365]
)
async def test_a_long_text_keeps_nobody_waiting(http: httpx.AsyncClient, text: str) -> None:
    alone = await first_sound_s(http, SHORT)
    began = asyncio.Event()

    async def listen() -> None:
        body = {"input": text, "voice": "zf_xiaobei", "response_format": "pcm"}
        async with http.stream("POST", "/v1/audio/speech", json=body) as answer:
            async for _ in answer.aiter_bytes(1024):
                began.set()

    listening = asyncio.create_task(listen())
    beside = await first_sound_s(http, SHORT)
    async with asyncio.timeout(30):
        await began.wait()
    between = await first_sound_s(http, SHORT)
    listening.cancel()
    await speak(http)  # behind it nothing of the other text is in the line
    alone = max(alone, await first_sound_s(http, SHORT))  # the machine may have become busy meanwhile

    # One stretch of the other text, at most a second of sound, may be before it in the line.
    assert max(beside, between) < 4 * alone + 5
