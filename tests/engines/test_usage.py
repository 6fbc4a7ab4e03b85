"""What engines are used for is counted: as the server says, else by the characters, also when cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aiker.audio import g711
from engines.adapters import llm_adapter
from engines.adapters.llm_adapter import LLMAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.local.base import Transcript
from engines.routing import Breakers, Endpoint, Routes, Served
from engines.server.transcripts import respond
from engines.usage import Usage, estimated_tokens
from tests.engines.serving import listening

QUESTION: Any = [{"role": "user", "content": "你好，请问几点开门"}]
SPEECH = g711.SILENCE * 12_000
TOKENS = {"prompt_tokens": 17, "completion_tokens": 5, "total_tokens": 22}


def chunk(choices: list[Any], **more: Any) -> str:
    data = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices}
    return f"data: {json.dumps(data | more)}\n\n"


def said(text: str) -> str:
    return chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])


async def vendor(request: Request) -> Response:
    """/counts/v1 tells tokens when asked, /secretive/v1 refuses to be asked, /silent/v1 does neither."""
    kind = request.path_params["kind"]
    if "transcriptions" in request.url.path:
        certainty = {"avg_logprob": -0.3456, "no_speech_prob": 0.01} if kind == "counts" else {}
        return JSONResponse({"text": "你好"} | certainty)
    if "speech" in request.url.path:
        return Response(b"\x00\x10" * 24_000, media_type="audio/pcm")
    body = await request.json()
    if not body.get("stream"):
        message = {"role": "assistant", "content": "好"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return JSONResponse(answer | {"usage": TOKENS})
    asked = body.get("stream_options") == {"include_usage": True}
    if kind == "refuses" or (kind == "secretive" and asked):
        return JSONResponse({"error": {"message": "stream_options: extra fields not permitted"}}, 422)
    told = chunk([], usage=TOKENS) if kind == "counts" and asked else ""
    text = said("九点") + said("开门。") + told + "data: [DONE]\n\n"
    return Response(text, media_type="text/event-stream")


@pytest.fixture(scope="module")
def vendors() -> Iterator[str]:
    with listening(Starlette(routes=[Route("/{kind}/v1/{rest:path}", vendor, methods=["POST"])])) as url:
        yield url


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_adapter, "_secretive", set())


def routes(stage: str, vendors: str, kind: str, usage: Usage) -> Routes:
    return Routes(stage, [Endpoint(kind, f"{vendors}/{kind}/v1", "m", timeout_s=20)], Breakers(), usage)


async def answer(adapter: LLMAdapter) -> str:
    return "".join([text async for text in adapter.stream(QUESTION, lambda _served: None)])


async def test_tokens_are_those_that_the_server_tells(vendors: str) -> None:
    usage = Usage()
    assert await answer(LLMAdapter(routes("llm", vendors, "counts", usage))) == "九点开门。"
    assert usage.take() == {"llm": {"counts": {"prompt_tokens": 17, "completion_tokens": 5}}}
    assert usage.take() == {}


@pytest.mark.parametrize("kind", ["secretive", "silent"])
async def test_tokens_that_are_not_told_are_estimated_and_marked(vendors: str, kind: str) -> None:
    usage = Usage()
    adapter = LLMAdapter(routes("llm", vendors, kind, usage))
    for _ in range(2):
        assert await answer(adapter) == "九点开门。"
    prompt, completion = estimated_tokens(len("你好，请问几点开门")), estimated_tokens(len("九点开门。"))
    assert usage.take()["llm"][kind] == {
        "prompt_tokens": 2 * prompt,
        "completion_tokens": 2 * completion,
        "estimated_tokens": 2 * (prompt + completion),
    }
    assert (f"{vendors}/{kind}/v1" in llm_adapter._secretive) == (kind == "secretive")


async def test_a_request_refused_for_another_reason_stays_refused(vendors: str) -> None:
    usage = Usage()
    with pytest.raises(EngineError, match="422"):
        await answer(LLMAdapter(routes("llm", vendors, "refuses", usage)))
    assert usage.take() == {}
    assert llm_adapter._secretive == set()


async def test_an_answer_that_is_cut_short_is_counted_as_far_as_it_came(vendors: str) -> None:
    usage = Usage()
    stream: Any = LLMAdapter(routes("llm", vendors, "counts", usage)).stream(QUESTION, lambda _served: None)
    assert await anext(stream) == "九点"
    await stream.aclose()
    assert usage.take()["llm"]["counts"]["completion_tokens"] == estimated_tokens(2)


async def test_a_prompt_that_is_read_ahead_is_counted(vendors: str) -> None:
    usage = Usage()
    await LLMAdapter(routes("llm", vendors, "counts", usage)).prime(QUESTION)
    assert usage.take() == {"llm": {"counts": {"prompt_tokens": 17, "completion_tokens": 5}}}


async def test_seconds_and_characters_are_counted(vendors: str) -> None:
    usage = Usage()
    served: list[Served] = []
    stt = STTAdapter(routes("stt", vendors, "counts", usage), "zh")
    assert await stt.transcribe(SPEECH, served.append) == "你好"
    await TTSAdapter(routes("tts", vendors, "counts", usage), "v").slower().synthesize("九点开门。")
    assert usage.take() == {
        "stt": {"counts": {"seconds": 1.5}},
        "tts": {"counts": {"characters": 5}},
    }
    assert served[0].certainty == {"avg_logprob": -0.346, "no_speech_prob": 0.01}
    assert served[0].as_dict()["certainty"] == served[0].certainty


async def test_a_vendor_that_does_not_tell_how_sure_it_is_leaves_nothing(vendors: str) -> None:
    served: list[Served] = []
    stt = STTAdapter(routes("stt", vendors, "silent", Usage()), "zh")
    await stt.transcribe(SPEECH, served.append)
    assert served[0].as_dict() == {"engine": "silent", "skipped": []}


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        (
            Transcript("你好", "zh", 1.0, -0.4, 0.02),
            {"text": "你好", "avg_logprob": -0.4, "no_speech_prob": 0.02},
        ),
        (Transcript("", "zh", 1.0, no_speech_prob=0.9, rejected="no_speech"), {"text": ""}),
    ],
)
def test_the_engine_server_tells_how_sure_it_is(heard: Transcript, shown: dict[str, Any]) -> None:
    assert json.loads(bytes(respond(heard, "json", (), "transcribe", stream=False).body)) == shown
