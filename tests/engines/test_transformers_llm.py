"""Chat models of three makers, built tiny here and loaded as released ones are: through the engine server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn

from engines.adapters.llm_adapter import MAX_TOKENS, LLMAdapter
from engines.backends.llm import Transformers
from engines.errors import EngineError
from engines.local.base import BadRequestError
from engines.models import BackendProfile, EngineConfig, Mode, Route
from engines.profiles import endpoint_of, engine_problems, problems
from engines.registry import ModelFilesError, Place
from engines.routing import Breakers, Endpoint, Routes, Served
from engines.server.app import create_app
from engines.server.stages import Stage, stages_for
from tests.engines.tiny_llm import CONTEXT, build
from tests.ports import free_port

pytest.importorskip("torch", reason="needs PyTorch: make test-torch")
pytest.importorskip("transformers", reason="needs PyTorch: make test-torch")

pytestmark = pytest.mark.torch

KINDS = ("qwen2", "glm", "baichuan")
QUESTION: Any = [{"role": "system", "content": "你是客服。"}, {"role": "user", "content": "周六几点开门？😀"}]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("llms")
    for kind in KINDS:
        build(kind, root / kind)
    return root


def backend(models: Path, kind: str, **parameters: Any) -> Transformers:
    return Transformers(model=str(models / kind), remote_code=kind == "baichuan", **parameters)


@contextmanager
def serving(stages: list[Stage]) -> Iterator[str]:
    """The engine server on a real socket, its models loaded; yields its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(stages), port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client:
        while (report := client.get("/health").json())["status"] == "loading":
            pass
    try:
        assert report["status"] == "ok", report
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engines = {kind: backend(models, kind) for kind in KINDS}
    with serving(stages_for(engines, Place(1, tmp_path_factory.mktemp("cache")))) as url:
        yield url


@pytest.fixture
async def client(server: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


async def idle(server: str, kind: str) -> None:
    """Return when nothing of ``kind`` waits or runs any more."""
    async with httpx.AsyncClient(base_url=server) as http, asyncio.timeout(20):
        while True:
            engines = (await http.get("/health")).json()["engines"]
            if not next(engine["queue"] for engine in engines if engine["model"] == kind):
                return


def expected(models: Path, kind: str, tokens: int) -> tuple[str, list[int]]:
    """What transformers' own ``generate``, or for a model of tuples a plain loop without cache, writes."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from engines.local.chat_templates import missing_template

    own = kind == "baichuan"
    tokenizer: Any = AutoTokenizer.from_pretrained(models / kind, trust_remote_code=own)
    if template := missing_template(models / kind):
        tokenizer.chat_template = template.path.read_text()
    ids = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True, return_tensors="pt")[
        "input_ids"
    ]
    model: Any = AutoModelForCausalLM.from_pretrained(models / kind, trust_remote_code=own, dtype="auto")
    if not own:
        output = model.generate(ids, max_new_tokens=tokens, do_sample=False)[0]
    else:
        with torch.inference_mode():
            for _step in range(tokens):
                ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], 1)
        output = ids[0]
    prompt = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True)["input_ids"]
    return tokenizer.decode(output[len(prompt) :], skip_special_tokens=True), prompt


@pytest.mark.parametrize("kind", KINDS)
async def test_streamed_or_whole_the_answer_is_what_transformers_generates(
    client: openai.AsyncOpenAI, models: Path, kind: str
) -> None:
    text, prompt = expected(models, kind, 24)
    asked: Any = {"model": kind, "messages": QUESTION, "max_tokens": 24, "temperature": 0}
    whole = await client.chat.completions.create(**asked)
    stream = await client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    assert whole.choices[0].message.content == text != ""
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
    assert sum(bool(c.choices and c.choices[0].delta.content) for c in chunks) > 1
    assert whole.choices[0].finish_reason == chunks[-2].choices[0].finish_reason == "length"
    assert whole.usage == chunks[-1].usage
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (len(prompt), 24)


def test_a_model_without_a_template_gets_the_one_of_its_kind(models: Path) -> None:
    llm: Any = backend(models, "baichuan").load(Place(1, models))
    text = llm._tokenizer.decode(llm._prompt([*QUESTION, {"role": "assistant", "content": "九点。"}]))

    assert text.replace(" ", "") == (
        "你是客服。<reserved_106>周六几点开门？😀<reserved_107>九点。<reserved_107>"
    )


def test_a_model_without_a_template_of_an_unknown_kind_is_refused(models: Path, tmp_path: Path) -> None:
    for file in (models / "qwen2").iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).symlink_to(file)

    with pytest.raises(ModelFilesError, match=r"chat_template\.jinja"):
        Transformers(model=str(tmp_path)).load(Place(1, tmp_path))


def test_code_of_a_model_runs_only_when_that_is_set(models: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        Transformers(model=str(models / "baichuan")).load(Place(1, models))


async def test_a_stop_string_ends_the_answer_before_it(client: openai.AsyncOpenAI, models: Path) -> None:
    text, _prompt = expected(models, "qwen2", 24)
    stop = text[len(text) // 2 :][:3]
    asked: Any = {"model": "qwen2", "messages": QUESTION, "temperature": 0, "max_tokens": 24}
    asked["stop"] = ["never", stop]
    whole = await client.chat.completions.create(**asked)
    chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]

    assert whole.choices[0].message.content == text[: text.index(stop)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text[: text.index(stop)]
    assert whole.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "stop"


def test_an_end_token_ends_the_answer(models: Path, tmp_path: Path) -> None:
    """The same model with a token that it writes as its end."""
    llm: Any = backend(models, "glm").load(Place(1, tmp_path))
    written = [token for token, _ in zip(llm._tokens(llm._prompt(QUESTION), 0), range(24), strict=False)]
    place = next(place for place, token in enumerate(written) if token != written[0])
    for file in (models / "glm").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "generation_config.json").unlink()
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [written[place]]}))

    *_rest, last = Transformers(model=str(tmp_path)).load(Place(1, tmp_path)).stream(QUESTION)

    assert (last.tokens, last.finish_reason) == (place + 1, "stop")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_temperature_above_zero_draws(client: openai.AsyncOpenAI, kind: str) -> None:
    answers = [
        (
            await client.chat.completions.create(
                model=kind, messages=QUESTION, temperature=2.0, max_completion_tokens=16
            )
        )
        .choices[0]
        .message.content
        for _time in range(2)
    ]

    assert answers[0] != answers[1]


async def test_closing_the_stream_stops_the_model(server: str, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="glm", messages=QUESTION, stream=True)
    async for _chunk in stream:
        break
    await stream.close()

    await idle(server, "glm")
    again = await client.chat.completions.create(model="glm", messages=QUESTION, max_tokens=2, temperature=0)
    assert again.usage is not None
    assert again.usage.completion_tokens == 2


async def test_two_answers_are_written_at_once(client: openai.AsyncOpenAI, models: Path) -> None:
    """They take turns at the model, each with a cache of its own."""
    text, _prompt = expected(models, "qwen2", 24)
    asked: Any = {"model": "qwen2", "messages": QUESTION, "max_tokens": 24, "temperature": 0}

    answers = await asyncio.gather(*(client.chat.completions.create(**asked) for _ in range(4)))

    assert {answer.choices[0].message.content for answer in answers} == {text}


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"messages": []}, 400, "messages"),
        (
            {"messages": [{"role": "user", "content": "周六开门吗" * 2000}]},
            400,
            f"takes {CONTEXT - 1} at most",
        ),
        ({"messages": [{"role": "robot", "content": "?"}]}, 400, "messages"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"temperature": 3}, 400, "temperature"),
        ({"n": 2}, 400, "n"),
        ({"model": "gpt"}, 404, "'qwen2'"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_request_is_refused_with_what_is_wrong(
    client: openai.AsyncOpenAI, change: dict[str, Any], status: int, says: str, stream: bool
) -> None:
    asked: Any = {"model": "qwen2", "messages": QUESTION, "stream": stream} | change
    with pytest.raises(openai.APIStatusError) as refused:
        await client.chat.completions.create(**asked)

    assert refused.value.status_code == status
    assert says in refused.value.message


async def test_half_a_character_in_the_request_is_refused(server: str) -> None:
    body = b'{"messages": [{"role": "user", "content": "\\ud83d"}]}'
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{server}/v1/chat/completions", content=body)

    assert answer.status_code == 400


@pytest.mark.parametrize("text", ["😀🏳️‍🌈", "\x00\x07\x1b[31m\u202e", "", " ", "a" * 400])
async def test_any_text_is_answered(client: openai.AsyncOpenAI, text: str) -> None:
    parts: Any = [{"type": "text", "text": text}]
    answer = await client.chat.completions.create(
        model="glm", messages=[{"role": "user", "content": parts}], max_tokens=4
    )
    assert answer.usage is not None
    assert 1 <= answer.usage.completion_tokens <= 4


async def test_a_full_queue_is_said_at_once(models: Path, tmp_path: Path) -> None:
    (stage,) = stages_for({"qwen2": backend(models, "qwen2")}, Place(1, tmp_path))
    stage.queue.limit = 1
    with serving([stage]) as url:
        busy = threading.Event()
        stage.queue._executor.submit(busy.wait)  # holds the worker; counted by the first request below
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            first = asyncio.create_task(
                client.chat.completions.create(model="qwen2", messages=QUESTION, max_tokens=2, temperature=0)
            )
            async with asyncio.timeout(20):
                while stage.queue.depth == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            with pytest.raises(openai.RateLimitError) as refused:
                await client.chat.completions.create(model="qwen2", messages=QUESTION)
            busy.set()
            assert (await first).choices[0].finish_reason == "length"

    assert refused.value.response.headers["retry-after"] == "1"


class TestAsAnEngineOfAProfile:
    def engine(self, models: Path, **parameters: Any) -> EngineConfig:
        parameters = {"model": str(models / "glm")} | parameters
        made = EngineConfig(slug="tiny-glm", name="GLM", backend="transformers", parameters=parameters)
        made.full_clean()
        made.save()
        return made

    @pytest.mark.django_db
    def test_a_profile_leads_to_the_engine_server(self, models: Path, settings: Any) -> None:
        engine = self.engine(models)
        made = BackendProfile.objects.create(slug="p", name="p", mode=Mode.LOCAL, is_published=True)
        Route.objects.create(profile=made, engine=engine)

        assert engine_problems(engine) == []
        assert not any("GLM" in problem for problem in problems(made))
        assert endpoint_of(engine) == Endpoint(
            "tiny-glm", settings.AIKER.engines_url, "tiny-glm", timeout_s=30
        )

    @pytest.mark.django_db
    def test_a_folder_without_a_model_is_named(self, models: Path, tmp_path: Path) -> None:
        assert "config.json" in engine_problems(self.engine(models, model=str(tmp_path)))[0]

    async def test_the_adapter_of_a_call_is_answered(self, models: Path, tmp_path: Path) -> None:
        engine = EngineConfig(slug="tiny-glm", backend="transformers", stage="llm")
        engine.parameters = {"model": str(models / "glm")}
        built = engine.build()
        assert isinstance(built, Transformers)
        served: list[Served] = []
        with serving(stages_for({engine.slug: built}, Place(1, tmp_path))) as url:
            endpoint = Endpoint(engine.slug, f"{url}/v1", engine.slug)
            adapter = LLMAdapter(Routes("llm", [endpoint], Breakers()))
            pieces = [text async for text in adapter.stream(QUESTION, served.append)]
            too_long: Any = [{"role": "user", "content": "好" * 10_000}]
            with pytest.raises(EngineError, match="tokens long") as refused:
                _ = [text async for text in adapter.stream(too_long, served.append)]
            await adapter.prime(QUESTION)

        assert served[0].engine == "tiny-glm"
        assert 1 < len(pieces) <= MAX_TOKENS
        assert refused.value.code == "refused"


def test_the_context_may_be_set_shorter(models: Path, tmp_path: Path) -> None:
    llm = backend(models, "qwen2", context=256).load(Place(1, tmp_path))

    *_rest, last = llm.stream(QUESTION)
    assert last.prompt_tokens + last.tokens == 256
    with pytest.raises(BadRequestError, match="255 at most"):
        next(llm.stream([{"role": "user", "content": "好" * 300}]))
