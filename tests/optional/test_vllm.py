"""vLLM as ``manage.py start`` runs it, with a tiny model: ``make test-vllm``."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings

from aiker.config import BASE_DIR
from aiker.processes import child_environment
from engines.adapters.llm_adapter import MAX_TOKENS, LLMAdapter
from engines.errors import EngineError
from engines.models import EngineConfig
from engines.profiles import endpoint_of
from engines.registry import ServerBackend
from engines.routing import Breakers, Routes, Served
from tests.engines.tiny_llm import CONTEXT
from tests.ports import free_port

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not settings.AIKER.vllm.exists(), reason=f"{settings.AIKER.vllm} is not installed (make test-vllm)"
    ),
]

START_S = 900.0
# Read by vLLM's CPU build alone.
CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
QUESTION: Any = [{"role": "system", "content": "你是客服。"}, {"role": "user", "content": "周六几点开门？"}]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    """An engine of the admin, its model made by the transformers of vLLM's own environment."""
    folder = tmp_path_factory.mktemp("vllm") / "tiny-qwen2"
    python = settings.AIKER.vllm.with_name("python")
    subprocess.run([python, "-m", "tests.engines.tiny_llm", "qwen2", folder], cwd=BASE_DIR, check=True)
    parameters = {"model": str(folder), "port": free_port(), "context": CONTEXT, "sequences": 4}
    made = EngineConfig(slug="tiny", name="tiny", backend="vllm", parameters=parameters)
    made.parameters |= {"extra_arguments": "--enforce-eager", "gpu_share": 0.2}
    made.clean()
    return made


@pytest.fixture(scope="module")
def server(engine: EngineConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerBackend]:
    built = engine.build()
    assert isinstance(built, ServerBackend)
    log = tmp_path_factory.mktemp("log") / "vllm.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [built.program(), *built.arguments()],
            env=child_environment(built.environment() | CPU),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    began = time.monotonic()
    try:
        with httpx.Client() as client:
            while not healthy(client, built.health_url):
                if process.poll() is not None or time.monotonic() - began > START_S:
                    pytest.fail(f"vLLM does not start:\n{log.read_text()[-6000:]}")
                time.sleep(0.5)
        print(f"vLLM is ready after {time.monotonic() - began:.0f} s")
        yield built
    finally:
        process.terminate()
        process.wait(60)


def healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def adapter(engine: EngineConfig) -> LLMAdapter:
    return LLMAdapter(Routes("llm", [endpoint_of(engine)], Breakers()))


@pytest.mark.usefixtures("server")
async def test_a_call_is_answered_piece_by_piece(engine: EngineConfig) -> None:
    served: list[Served] = []
    began = time.monotonic()
    times = [
        (time.monotonic() - began, text) async for text in adapter(engine).stream(QUESTION, served.append)
    ]

    print(f"first text after {times[0][0] * 1000:.0f} ms, {len(times)} pieces in {times[-1][0]:.2f} s")
    assert served[0].engine == "tiny"
    assert 1 < len(times) <= MAX_TOKENS
    assert "".join(text for _, text in times)


async def test_closing_the_stream_stops_the_model(engine: EngineConfig, server: ServerBackend) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        before = await metric(http, "generation_tokens_total")
        stream = adapter(engine).stream(QUESTION, lambda _served: None)
        assert await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

        async with asyncio.timeout(60):
            while await metric(http, "num_requests_running"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        written = await metric(http, "generation_tokens_total") - before

    print(f"{written:.0f} of {MAX_TOKENS} tokens were written")
    assert 0 < written < MAX_TOKENS


async def metric(http: httpx.AsyncClient, name: str) -> float:
    """Return one of vLLM's figures."""
    lines = (await http.get("/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))


@pytest.mark.usefixtures("server")
async def test_a_prompt_that_is_too_long_is_refused(engine: EngineConfig) -> None:
    too_long: Any = [{"role": "user", "content": "周六开门吗" * 2000}]
    with pytest.raises(EngineError, match="maximum context length") as refused:
        _ = [text async for text in adapter(engine).stream(too_long, lambda _served: None)]

    assert refused.value.code == "refused"
