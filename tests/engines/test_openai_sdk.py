"""What OpenAI's own client asks of the engine server is done, or refused by name; nothing is passed over."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import av
import httpx
import numpy as np
import openai
import pytest

from engines.adapters.llm_adapter import LLMAdapter
from engines.backends.embedding import BGEOnnx
from engines.backends.stt import FasterWhisper
from engines.backends.tts import Kokoro
from engines.local.base import TextDelta, Transcript
from engines.registry import Place
from engines.routing import Breakers, Endpoint, Routes
from engines.server.stages import Stage, stages_for
from tests.engines.serving import serving

pytestmark = pytest.mark.models

TEXT = "请问你们几点开门？周末开门吗？"
VOICE = "zm_yunxi"
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engines = {"whisper-base": FasterWhisper(), "kokoro-int8": Kokoro(), "bge-small-zh": BGEOnnx()}
    place = Place(threads=2, cache_dir=tmp_path_factory.mktemp("cache"))
    with serving(stages_for(engines, place)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def wav(url: str) -> bytes:
    body = {"input": TEXT, "voice": VOICE, "response_format": "wav"}
    return httpx.post(f"{url}/v1/audio/speech", json=body, timeout=60).raise_for_status().content


def decoded(data: bytes) -> tuple[int, np.ndarray]:
    """Return the rate and the samples, -1 to 1, of a file."""
    with av.open(io.BytesIO(data), "r") as file:
        frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    pcm: np.ndarray = np.concatenate(frames)
    return rate, pcm.astype(np.float64) / (32768 if pcm.dtype.kind == "i" else 1)


async def spoken(client: openai.AsyncOpenAI, **wanted: Any) -> bytes:
    answer = await client.audio.speech.create(model="kokoro-int8", voice=VOICE, input=TEXT, **wanted)
    return answer.content


class TestSpeech:
    @pytest.mark.parametrize(
        ("response_format", "begins", "rate"),
        [
            ("mp3", rb"\xff[\xf2\xf3]", 24_000),
            ("opus", rb"OggS", 48_000),
            ("aac", rb"\xff[\xf0\xf1]", 24_000),
            ("flac", rb"fLaC", 24_000),
            ("wav", rb"RIFF", 24_000),
        ],
    )
    async def test_each_format_holds_the_same_speech(
        self, client: openai.AsyncOpenAI, wav: bytes, response_format: Format, begins: bytes, rate: int
    ) -> None:
        data = await spoken(client, response_format=response_format)
        assert re.match(begins, data)
        found, pcm = decoded(data)
        _rate, wanted = decoded(wav)
        assert found == rate
        assert len(pcm) / rate == pytest.approx(len(wanted) / 24_000, abs=0.1)
        loud = [float(np.sqrt(np.mean(samples**2))) for samples in (pcm, wanted)]
        assert loud[0] == pytest.approx(loud[1], rel=0.1)
        heard = await client.audio.transcriptions.create(
            model="whisper-base", file=(f"speech.{response_format}", data), language="zh"
        )
        assert "几点开门" in heard.text

    async def test_mp3_is_the_default_as_the_client_expects(self, client: openai.AsyncOpenAI) -> None:
        raw = await client.audio.speech.with_raw_response.create(
            model="kokoro-int8", voice=VOICE, input="您好。"
        )
        assert raw.headers["content-type"] == "audio/mpeg"
        assert decoded(raw.content)[0] == 24_000

    async def test_it_comes_while_it_is_made(self, client: openai.AsyncOpenAI) -> None:
        async with client.audio.speech.with_streaming_response.create(
            model="kokoro-int8", voice=VOICE, input=TEXT * 6, response_format="opus"
        ) as answer:
            pieces = [piece async for piece in answer.iter_bytes()]
        assert len(pieces) > 10

    async def test_events_carry_the_same_bytes(self, client: openai.AsyncOpenAI) -> None:
        lines = (await spoken(client, stream_format="sse", response_format="pcm")).decode().splitlines()
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
        pcm = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
        assert pcm == await spoken(client, response_format="pcm")

    async def test_a_voice_may_be_named_by_an_object(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.audio.speech.create(model="kokoro-int8", voice={"id": VOICE}, input="您好。")
        assert answer.content

    async def test_nothing_to_say_is_an_empty_body(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.audio.speech.create(model="kokoro-int8", voice=VOICE, input="……")
        assert answer.content == b""


async def heard(client: openai.AsyncOpenAI, wav: bytes, **wanted: Any) -> Any:
    return await client.audio.transcriptions.create(
        model="whisper-base", file=("q.wav", wav), language="zh", **wanted
    )


class TestTranscriptions:
    async def test_segments_and_words_have_their_times(self, client: openai.AsyncOpenAI, wav: bytes) -> None:
        found = await heard(
            client,
            wav,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert "几点开门" in found.text
        assert "".join(segment.text for segment in found.segments).strip() == found.text
        assert "".join(word.word for word in found.words) in found.text.replace(" ", "")
        ends = [0.0, *(time for word in found.words for time in (word.start, word.end))]
        assert ends == sorted(ends)
        assert 0.8 * found.duration < ends[-1] <= found.duration + 0.1
        assert found.segments[0].tokens

    async def test_times_of_words_only_where_they_are_asked_for(
        self, client: openai.AsyncOpenAI, wav: bytes
    ) -> None:
        whole = await heard(client, wav, response_format="verbose_json")
        assert whole.segments
        assert whole.words is None
        words = await heard(client, wav, response_format="verbose_json", timestamp_granularities=["word"])
        assert words.words
        assert words.segments is None

    async def test_subtitles(self, client: openai.AsyncOpenAI, wav: bytes) -> None:
        srt = await heard(client, wav, response_format="srt")
        assert re.match(r"1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\n.*几点开门", srt)
        vtt = await heard(client, wav, response_format="vtt")
        assert re.match(r"WEBVTT\n\n00:00:00\.\d{3} --> 00:00:0\d\.\d{3}\n.*几点开门", vtt)

    async def test_a_temperature_is_the_decoders(self, client: openai.AsyncOpenAI, wav: bytes) -> None:
        found = await heard(client, wav, response_format="verbose_json", temperature=0.4)
        assert {segment.temperature for segment in found.segments} == {0.4}

    async def test_silence_has_no_segments(self, client: openai.AsyncOpenAI) -> None:
        silence = io.BytesIO()
        with av.open(silence, "w", format="wav") as file:
            stream: Any = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 32_000), np.int16), "s16", "mono")
            frame.sample_rate = 16_000
            file.mux(stream.encode(frame))
        found = await heard(client, silence.getvalue(), response_format="verbose_json")
        assert (found.text, found.segments) == ("", [])

    async def test_mandarin_in_english(self, client: openai.AsyncOpenAI, wav: bytes) -> None:
        found = await client.audio.translations.create(model="whisper-base", file=("q.wav", wav))
        assert re.search(r"open|time|weekend", found.text, re.IGNORECASE)
        assert not re.search("[一-鿿]", found.text)

    @pytest.mark.parametrize(
        ("wanted", "param", "message"),
        [
            ({"include": ["logprobs"]}, "include[]", "not supported here; there is: file, language"),
            ({"known_speaker_names": ["a"]}, "known_speaker_names[]", "not supported here"),
            ({"chunking_strategy": "auto"}, "chunking_strategy", "not supported here"),
            ({"response_format": "diarized_json"}, "response_format", "must be one of json, text"),
            ({"timestamp_granularities": ["word"]}, "timestamp_granularities[]", "only verbose_json"),
            ({"temperature": 3}, "temperature", "a number from 0 to 1"),
            ({"response_format": "srt", "stream": True}, "stream", "comes whole"),
            ({"language": "klingon"}, "language", "use a code such as"),
        ],
    )
    async def test_what_is_not_there_is_refused_by_name(
        self, client: openai.AsyncOpenAI, wav: bytes, wanted: dict[str, Any], param: str, message: str
    ) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.transcriptions.create(
                **{"model": "whisper-base", "file": ("q.wav", wav), "language": "zh"} | wanted
            )
        assert refused.value.param == param
        assert message in refused.value.message


class TestEmbeddings:
    async def test_the_models_own_size_may_be_named(self, client: openai.AsyncOpenAI) -> None:
        found = await client.embeddings.create(
            model="bge-small-zh", input="你好", dimensions=512, user="u1", encoding_format="float"
        )
        assert len(found.data[0].embedding) == 512

    @pytest.mark.parametrize(
        ("wanted", "param", "message"),
        [
            ({"dimensions": 256}, "dimensions", "has 512, and was not trained to be cut"),
            ({"input": [1, 2, 3]}, "input", "valid string"),
            ({"extra_body": {"truncate": True}}, "truncate", "there is: dimensions"),
        ],
    )
    async def test_what_is_not_there_is_refused_by_name(
        self, client: openai.AsyncOpenAI, wanted: dict[str, Any], param: str, message: str
    ) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(**{"model": "bge-small-zh", "input": "你好"} | wanted)
        assert refused.value.param == param
        assert message in refused.value.message


class WritesHello:
    """Stands for a language model: the requests are what is tested."""

    def stream(self, *_: Any) -> Iterator[TextDelta]:
        yield TextDelta("你好。", 3, 2)
        yield TextDelta("", 3, 2, "stop")


class OnlyText:
    """Stands for a recogniser without times: none of them can be had from a registry."""

    most_together = 1

    def transcribe_many(self, utterances: Any) -> list[Transcript]:
        return [Transcript("几点开门", "zh", 2.0) for _ in utterances]


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[str]:
    llm, stt = WritesHello(), OnlyText()
    stages = [
        Stage("llm", "hello", lambda: llm, state="ready", engine=llm),
        Stage("stt", "text", lambda: stt, state="ready", engine=stt),
    ]
    with serving(stages) as port:
        yield f"http://127.0.0.1:{port}/v1"


TOOLS: Any = [{"type": "function", "function": {"name": "transfer", "parameters": {"type": "object"}}}]
HELLO: Any = [{"role": "user", "content": "你好"}]


class TestChat:
    @pytest.mark.parametrize(
        ("wanted", "param"),
        [
            ({"tools": TOOLS}, "tools"),
            ({"n": 2}, "n"),
            ({"logprobs": True}, "logprobs"),
            ({"top_p": 0.5}, "top_p"),
            ({"seed": 1}, "seed"),
            ({"response_format": {"type": "json_object"}}, "response_format"),
        ],
    )
    async def test_what_is_not_there_is_refused_by_name(
        self, stand_ins: str, wanted: dict[str, Any], param: str
    ) -> None:
        async with openai.AsyncOpenAI(base_url=stand_ins, api_key="none", max_retries=0) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model="hello", messages=HELLO, **wanted)
        assert refused.value.param == param

    async def test_what_is_done_anyway_may_be_said(self, stand_ins: str) -> None:
        async with openai.AsyncOpenAI(base_url=stand_ins, api_key="none", max_retries=0) as client:
            found = await client.chat.completions.create(
                model="hello",
                messages=HELLO,
                n=1,
                top_p=1,
                presence_penalty=0,
                logprobs=False,
                response_format={"type": "text"},
                user="u1",
                metadata={"call": "1"},
            )
        assert found.choices[0].message.content == "你好。"

    async def test_a_call_with_tools_goes_on_without_them(
        self, stand_ins: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        llm = LLMAdapter(Routes("llm", (Endpoint("hello", stand_ins, "hello", timeout_s=10),), Breakers()))
        for _ in range(2):
            said = [item async for item in llm.converse(HELLO, TOOLS, lambda _served: None)]
            assert "".join(map(str, said)) == "你好。"
        await llm.prime(HELLO, TOOLS)
        warned = [record for record in caplog.records if "takes no tools" in record.message]
        assert len(warned) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("response_format", "srt"), ("temperature", "0.2"), ("response_format", "verbose_json")],
)
def test_a_recogniser_without_times_says_so(stand_ins: str, field: str, value: str) -> None:
    answer = httpx.post(
        f"{stand_ins}/audio/transcriptions", data={field: value}, files={"file": ("q.wav", b"RIFF")}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field
    assert "gives the text alone" in answer.json()["error"]["message"]
