"""The memory of the default models, each in a process of its own: predicted and measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Metric

SENTENCE = "我们的营业时间是早上九点到下午六点，周末也正常营业，欢迎您来。"
SPEECH = "speech.npy"


def run() -> Sequence[Metric]:
    """Print a table; predictions and measurements are of the same states. Return what was measured."""
    found: list[Metric] = []
    print("| engine | loaded: predicted | measured | at most: predicted | measured |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        env = os.environ | {"AIKER_DATA_DIR": folder, "AIKER_LOG_LEVEL": "ERROR"}
        for stage in ("tts", "stt", "embedding", "llm"):
            done = subprocess.run(
                [sys.executable, "-m", "bench.memory", stage, folder],
                env=env,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            name, *figures = json.loads(done.stdout.splitlines()[-1])
            print(f"| {name} | " + " | ".join(f"{figure:.0f} MB" for figure in figures) + " |")
            found.append(Metric(f"{name}: loaded", figures[1], "MB"))
            found.append(Metric(f"{name}: at most", figures[3], "MB"))
    return found


def measure(stage: str, folder: Path) -> list[Any]:
    """Return the engine's name and predicted, measured when loaded; predicted, measured at most (MB)."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
    django.setup()
    from engines.measuring import used_mb
    from engines.memory import predict

    backend, load = prepared(stage, folder)
    predicted = predict(backend.demand(), gpu_mb=0)
    before = used_mb("cpu")
    largest_request = load()
    loaded = used_mb("cpu") - before
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    largest_request()
    return [backend.model, predicted.loaded_mb, loaded, predicted.total_mb, peak_mb() - before]


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def prepared(stage: str, folder: Path) -> tuple[Any, Callable[[], Callable[[], None]]]:
    """Return the backend, and what loads its engine and returns the engine's largest request."""
    from django.conf import settings

    from engines.backends.embedding import BGEOnnx
    from engines.backends.llm import OpenAILLM
    from engines.backends.stt import FasterWhisper
    from engines.backends.tts import Kokoro
    from engines.registry import Place
    from engines.server.launch import threads

    place = Place(threads(), folder / "cache")
    if stage == "llm":
        from engines.llm_choice import served_llm

        llm = OpenAILLM(base_url=settings.AIKER.llm_url, model=served_llm())
        return llm, lambda: _language_model(llm.model)
    backend: Any = {"stt": FasterWhisper, "tts": Kokoro, "embedding": BGEOnnx}[stage]()

    def load() -> Callable[[], None]:
        engine = backend.load(place)
        engine.warm()
        requests = {"tts": _speak, "stt": _hear, "embedding": _embed}
        return lambda: requests[stage](engine, folder)

    return backend, load


def _speak(engine: Any, folder: Path) -> None:
    pcm = b"".join(engine.pieces(SENTENCE * 6))
    np.save(folder / SPEECH, np.frombuffer(pcm, "<i2"))


def _hear(engine: Any, folder: Path) -> None:
    import soxr

    engine.transcribe(soxr.resample(np.load(folder / SPEECH).astype(np.float32) / 2**15, 24_000, 16_000))


def _embed(engine: Any, _folder: Path) -> None:
    engine.embed([SENTENCE * 40] * 32)


def _language_model(model: str) -> Callable[[], None]:
    import httpx

    from engines.local.llama_cpp import server_params
    from engines.management.commands.serve_llm import start, weights
    from engines.server.launch import MAX_LLM_THREADS, threads
    from tests.ports import free_port

    port = free_port()
    server = start(server_params(weights(model), "127.0.0.1", port, threads(MAX_LLM_THREADS)))
    body = {"messages": [{"role": "user", "content": SENTENCE * 100}], "max_tokens": 16}

    def ask() -> None:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        httpx.post(url, json=body, timeout=300).raise_for_status()
        assert server

    return ask


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))), flush=True)
    # llama.cpp's server would wait for its own end.
    os._exit(0)
