"""``manage.py serve_llm`` and the start of ``serve_engines``, as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from aiker.config import BASE_DIR
from engines.local.llama_cpp import server_params
from engines.management.commands import serve_llm
from monitoring.engine_state import requests_at
from tests.ports import free_port

# The language model gives way to every other process: beside busy tests it is starved.
pytestmark = pytest.mark.e2e


@contextmanager
def process(command: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """The command, ready; killed at the end if it still runs."""
    running = subprocess.Popen(
        [sys.executable, "manage.py", command, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"AIKER_LLM_MODEL": "qwen2.5-coder-0.5b"},
        cwd=BASE_DIR,
        start_new_session=True,
    )
    try:
        wait_for_health(running, port)
        yield running
    finally:
        running.kill()
        running.wait()


def wait_for_health(running: subprocess.Popen[str], port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        while running.poll() is None:
            try:
                if client.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                continue
    pytest.fail(f"ended with {running.returncode}: {running.communicate()[0]}")


def ended(running: subprocess.Popen[str], number: signal.Signals, within_s: float) -> str:
    """Send the signal; return what the process has printed once it is gone."""
    running.send_signal(number)
    return running.communicate(timeout=within_s)[0]


@pytest.fixture(scope="module")
def llm() -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    with process("serve_llm", port) as running:
        yield running, port


@pytest.mark.models
async def test_a_chat_streams_and_its_prefix_is_read_once(llm: tuple[subprocess.Popen[str], int]) -> None:
    _, port = llm
    system = "你是客服安娜。" * 30
    cached: list[int] = []
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:
        for question in ("请介绍一下北京。", "请介绍一下上海。"):
            stream = await client.chat.completions.create(
                model="qwen2.5-coder-0.5b",
                messages=[{"role": "system", "content": system}, {"role": "user", "content": question}],
                stream=True,
                stream_options={"include_usage": True},
                temperature=0,
                max_tokens=20,
            )
            chunks = [chunk async for chunk in stream]
            assert sum(bool(c.choices and c.choices[0].delta.content) for c in chunks) > 1
            usage = chunks[-1].usage
            assert usage is not None
            assert usage.prompt_tokens_details is not None
            cached.append(usage.prompt_tokens_details.cached_tokens or 0)

    assert cached[0] < 20
    assert cached[1] > 100


@pytest.mark.models
async def test_the_model_goes_by_its_catalogue_id(llm: tuple[subprocess.Popen[str], int]) -> None:
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{llm[1]}/v1", api_key="none") as client:
        assert [model.id async for model in client.models.list()] == ["qwen2.5-coder-0.5b"]


@pytest.mark.models
def test_monitoring_is_told_how_many_requests_there_are(llm: tuple[subprocess.Popen[str], int]) -> None:
    with httpx.Client() as client:
        assert requests_at(client, f"http://127.0.0.1:{llm[1]}/health") == 0


@pytest.mark.models
def test_the_model_yields_the_processor_to_speech(llm: tuple[subprocess.Popen[str], int]) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, llm[0].pid) == own + serve_llm.NICENESS


@pytest.mark.parametrize("new_session", [True, False])
def test_a_refused_processor_share_is_said_and_not_fatal(tmp_path: Path, new_session: bool) -> None:
    refusing = tmp_path / "group-that-refuses-writes"
    refusing.mkdir()
    code = (
        "import django, os, pathlib; django.setup(); from engines.management.commands import serve_llm;"
        f"serve_llm.AUTOGROUP = pathlib.Path({str(refusing)!r});"
        "serve_llm.Command().yield_processor(); print(os.nice(0))"
    )

    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "aiker.settings"},
        start_new_session=new_session,
        timeout=60,
        check=True,
    )

    assert run.stdout.strip() == str(serve_llm.NICENESS)
    assert ("keeps its processor share" in run.stderr) is new_session


@pytest.mark.models
def test_a_taken_port_is_said(llm: tuple[subprocess.Popen[str], int]) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "serve_llm", "--port", str(llm[1])],
        capture_output=True,
        text=True,
        env=os.environ | {"AIKER_LLM_MODEL": "qwen2.5-coder-0.5b", "AIKER_LANGUAGE": "en"},
        cwd=BASE_DIR,
        timeout=60,
    )

    assert second.returncode == 1
    assert f"Is port {llm[1]} taken?" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.models
def test_a_signal_ends_the_llm_even_while_a_reply_streams() -> None:
    port = free_port()
    with process("serve_llm", port) as running:
        body = {"messages": [{"role": "user", "content": "写一篇长文章"}], "stream": True, "max_tokens": 2000}
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, timeout=60) as reply:
            next(reply.iter_bytes())
            output = ended(running, signal.SIGTERM, within_s=15)

    assert running.returncode == 0
    assert "Traceback" not in output


@pytest.mark.models
def test_ctrl_c_ends_the_engine_server_while_it_speaks() -> None:
    port = free_port()
    with process("serve_engines", port) as running:
        body = {"input": "我们的营业时间是早上九点。" * 20, "response_format": "pcm"}
        with httpx.stream(
            "POST", f"http://127.0.0.1:{port}/v1/audio/speech", json=body, timeout=60
        ) as speech:
            next(speech.iter_bytes())
            output = ended(running, signal.SIGINT, within_s=15)

    assert running.returncode == 0
    assert "Traceback" not in output


def test_the_model_uses_the_cores_and_lets_go_of_them_when_idle() -> None:
    params = server_params(Path("m/model.gguf"), "127.0.0.1", 1, threads=4)

    assert (params.cpuparams.n_threads, params.cpuparams_batch.n_threads) == (4, 4)
    assert params.cpuparams.poll == 0
    assert params.n_parallel == 2


@pytest.mark.parametrize("command", ["serve_llm", "serve_engines"])
def test_a_model_that_is_not_installed_is_named_with_the_remedy(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AIKER", settings.AIKER.model_copy(update={"models": tmp_path}))

    with translation.override("en"), pytest.raises(CommandError, match=r"manage\.py models pull"):
        call_command(command)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with translation.override("en"), pytest.raises(CommandError, match=r"no \.gguf file"):
        call_command("serve_llm", model=str(tmp_path))


def test_a_model_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AIKER", settings.AIKER.model_copy(update={"llm_model": "whisper-base"}))

    with translation.override("en"), pytest.raises(CommandError, match="is of kind stt; one of kind llm"):
        call_command("serve_llm")
