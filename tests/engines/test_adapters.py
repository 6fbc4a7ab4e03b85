"""Engines that misbehave, over real HTTP: each gives a clear error of its stage within its time limit."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aiker.audio import g711
from engines.adapters.llm_adapter import MAX_CHARS, LLMAdapter
from engines.adapters.rerank_adapter import RerankAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.conversation import AIConversationManager, LocalAIConversationManager
from engines.errors import EngineError
from engines.profiles import EnginePlan
from engines.routing import Breakers, Endpoint, Routes, Served, Skipped
from tests.engines.serving import listening
from tests.ports import free_port

LIMIT_S = 0.5
STALL_S = 3.0
PATIENCE_S = 20.0
QUIET_MS = 400
SPEECH = g711.SILENCE * 8000
QUESTION: Any = [{"role": "user", "content": "你好"}]


async def behave(request: Request) -> Response:
    """What the path says: /<behaviour>/v1/..."""
    body = await request.body()
    match request.path_params["behaviour"]:
        case "works":
            return works(request, body)
        case "hangs":
            await asyncio.sleep(30)
        case "html":
            return HTMLResponse("<h1>Welcome</h1>")
        case "hesitates":
            silence = b"\x00\x00" * 24_000 * (QUIET_MS // 1000 + 1)
            return Response(silence[: QUIET_MS * 48] + b"\x00\x10" * 24_000, media_type="audio/pcm")
        case "refuses":
            return JSONResponse({"error": {"message": "no such key"}}, 401)
        case "empty":
            return Response(b"", media_type="text/event-stream")
        case "blank":
            return no_json(request, "")
        case "garbled":
            return no_json(request, '{"choices": [')
        case "breaks":
            return StreamingResponse(then(request, stop="break"), media_type=kind_of(request))
        case "stalls":
            return StreamingResponse(then(request, stop="stall"), media_type=kind_of(request))
        case "babbles":
            return StreamingResponse(then(request, stop="babble"), media_type=kind_of(request))
        case "forever":
            return StreamingResponse(then(request, stop=""), media_type=kind_of(request))
    return Response(status_code=404)


def works(request: Request, body: bytes) -> Response:
    if "transcriptions" in request.url.path:
        return JSONResponse({"text": "你好"})
    if "rerank" in request.url.path:
        return JSONResponse({"results": [{"index": 0, "relevance_score": 0.9}]})
    if "speech" in request.url.path:
        return Response(b"\x00\x10" * 24_000, media_type="audio/pcm")
    assert json.loads(body)["stream"]
    return Response(event("好的。") + b"data: [DONE]\n\n", media_type="text/event-stream")


def no_json(request: Request, text: str) -> Response:
    if "chat" in request.url.path:
        return Response(f"data: {text}\n\n", media_type="text/event-stream")
    return Response(text, media_type="application/json")


def event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def kind_of(request: Request) -> str:
    return "audio/pcm" if "speech" in request.url.path else "text/event-stream"


async def then(request: Request, stop: str) -> AsyncIterator[bytes]:
    piece = b"\x10\x00" * 24_000 if "speech" in request.url.path else event("好" * 50)
    yield piece
    if stop == "break":
        raise RuntimeError("the connection breaks off here")
    if stop == "stall":
        await asyncio.sleep(30)
    if stop == "babble":
        yield b"data: {\n\n"
    while True:
        yield piece
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
def vendors() -> Iterator[str]:
    with listening(Starlette(routes=[Route("/{behaviour}/v1/{rest:path}", behave, methods=["POST"])])) as url:
        yield url


async def use(stage: str, routes: Routes, served: list[Served]) -> str:
    """Run the stage's adapter to its end."""
    if stage == "stt":
        return await STTAdapter(routes, "zh").transcribe(SPEECH, served.append)
    if stage == "rerank":
        return str(await RerankAdapter(routes).score("几点开门", ["九点开门。"], served.append))
    if stage == "tts":
        return f"{len(await TTSAdapter(routes, 'v').synthesize('你好', served.append)) / 8000:.1f} s"
    return "".join([text async for text in LLMAdapter(routes).stream(QUESTION, served.append)])


def routes(stage: str, vendors: str, *behaviours: str) -> Routes:
    # What answers may take its time on a busy machine: the limit is for making its client, too.
    limits = {"hangs": LIMIT_S, "stalls": STALL_S}
    endpoints = [
        Endpoint(name, f"{vendors}/{name}/v1", "m", timeout_s=limits.get(name, PATIENCE_S))
        for name in behaviours
    ]
    return Routes(stage, endpoints, Breakers())


STAGES = {"stt": "你好", "tts": "1.0 s", "llm": "好的。"}
ANSWERS = STAGES | {"rerank": "[0.9]"}
# An empty body is the speech of a text without anything to say.
EARLY = [
    (stage, behaviour)
    for stage in ANSWERS
    for behaviour in ("hangs", "html", "refuses", "empty")
    if (stage, behaviour) != ("tts", "empty")
]


@pytest.mark.parametrize(("stage", "behaviour"), EARLY)
async def test_a_bad_engine_is_an_error_of_its_stage_in_time(
    vendors: str, stage: str, behaviour: str
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(EngineError) as raised:
            await use(stage, routes(stage, vendors, behaviour), [])

    assert raised.value.stage == stage
    assert raised.value.code in ("timeout", "broken", "refused", "empty")
    assert behaviour in raised.value.message, "the message names the address"


@pytest.mark.parametrize(("stage", "behaviour"), EARLY)
async def test_the_next_engine_serves_in_its_place(vendors: str, stage: str, behaviour: str) -> None:
    served: list[Served] = []

    assert await use(stage, routes(stage, vendors, behaviour, "works"), served) == ANSWERS[stage]
    assert served[0].engine == "works"
    assert [skipped.engine for skipped in served[0].skipped] == [behaviour]


@pytest.mark.parametrize("behaviour", ["blank", "garbled"])
@pytest.mark.parametrize("stage", ANSWERS)
async def test_an_answer_that_is_no_json_is_broken_and_the_next_engine_serves(
    vendors: str, stage: str, behaviour: str
) -> None:
    with pytest.raises(EngineError) as raised:
        await use(stage, routes(stage, vendors, behaviour), [])
    assert (raised.value.stage, raised.value.code) == (stage, "broken")

    served: list[Served] = []
    assert await use(stage, routes(stage, vendors, behaviour, "works"), served) == ANSWERS[stage]
    assert served[0].skipped == (Skipped(behaviour, "broken"),)


@pytest.mark.parametrize(
    ("stage", "behaviour", "code"),
    [
        ("tts", "breaks", "broken"),
        ("tts", "stalls", "timeout"),
        ("llm", "breaks", "broken"),
        ("llm", "stalls", "timeout"),
        ("llm", "babbles", "broken"),
    ],
)
async def test_a_stream_that_ends_in_the_middle_is_an_error(
    vendors: str, stage: str, behaviour: str, code: str
) -> None:
    with pytest.raises(EngineError) as raised:
        await use(stage, routes(stage, vendors, behaviour, "works"), [])

    assert (raised.value.stage, raised.value.code) == (stage, code)


async def test_silence_before_speech_is_not_played(vendors: str) -> None:
    engine = Routes("tts", [Endpoint("slow", f"{vendors}/hesitates/v1", "m")], Breakers())
    speech = await TTSAdapter(engine, "v").synthesize("你好")
    assert 1000 <= len(speech) / 8 <= 1030


async def test_speech_that_does_not_end_is_stopped(vendors: str) -> None:
    with pytest.raises(EngineError, match="does not stop speaking"):
        await use("tts", routes("tts", vendors, "forever"), [])


async def test_an_answer_that_does_not_end_is_stopped(vendors: str) -> None:
    answer = await use("llm", routes("llm", vendors, "forever"), [])

    assert MAX_CHARS < len(answer) < MAX_CHARS + 100


async def test_an_engine_that_is_not_there_is_passed_over(vendors: str) -> None:
    gone = Endpoint("gone", f"http://127.0.0.1:{free_port()}/v1", "m", timeout_s=PATIENCE_S)
    works = Endpoint("works", f"{vendors}/works/v1", "m", timeout_s=PATIENCE_S)
    served: list[Served] = []

    await use("stt", Routes("stt", [gone, works], Breakers()), served)

    assert served[0].skipped == (Skipped("gone", "unreachable"),)


@pytest.mark.parametrize("passages", [[], ["一。", "二。"]])
async def test_a_ranking_that_lacks_a_passage_is_broken(vendors: str, passages: list[str]) -> None:
    with pytest.raises(EngineError, match=f"1 passages of {len(passages)}") as raised:
        await RerankAdapter(routes("rerank", vendors, "works")).score("几点", passages, lambda _served: None)

    assert (raised.value.stage, raised.value.code) == ("rerank", "broken")


def plan_of(vendors: str, mode: str, *behaviours: str) -> EnginePlan:
    stt, llm, tts = (routes(stage, vendors, *behaviours).endpoints for stage in ("stt", "llm", "tts"))
    return EnginePlan("test", mode, stt, llm, tts)


async def test_a_conversation_is_held_without_a_telephone(vendors: str) -> None:
    manager = LocalAIConversationManager(plan_of(vendors, "hybrid", "refuses", "works"), "v", "简短回答。")
    heard = await manager.hear(SPEECH)
    answer = "".join([text async for text in manager.answer(heard)])
    speech = b"".join([mulaw async for mulaw in manager.speak(answer)])

    assert (heard, answer, len(speech)) == ("你好", "好的。", 8000)
    assert [message["content"] for message in manager.history] == ["简短回答。", "你好", "好的。"]
    assert [manager.served[stage].engine for stage in STAGES] == ["works"] * len(STAGES)
    assert manager.served["llm"].skipped == (Skipped("refuses", "refused"),)


@pytest.mark.parametrize(
    ("manager", "mode"), [(AIConversationManager, "local"), (LocalAIConversationManager, "api")]
)
def test_a_manager_takes_plans_of_its_mode(
    vendors: str, manager: type[AIConversationManager], mode: str
) -> None:
    with pytest.raises(ValueError, match=f"not {mode}"):
        manager(plan_of(vendors, mode, "works"), "v")
