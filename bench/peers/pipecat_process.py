"""The Pipecat agent beside a running Aiker, in a virtual environment of its own (``make bench-peers``).

::

    with PipecatProcess(installation, questions, logs) as peer:
        peer.url                            # takes calls of Twilio's
        peer.said(carrier_call_id)          # what it heard and answered

Model files, voice, instructions, greeting and the server of the language model are those of the installation.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from aiker.config import BASE_DIR, load_config
from bench.polling import until
from tests.installation import Installation
from tests.ports import free_port

PYTHON = BASE_DIR / ".venv-pipecat" / "bin" / "python"
READY_S = 600
MOST_THREADS = 8  # as Aiker's engines
KNOWLEDGE = BASE_DIR / "knowledge" / "data" / "onesuite-business-data.json"
VOICE_SHAPE = (-1, 1, 256)


@dataclass(frozen=True, slots=True)
class Said:
    """One side's words in a call (``caller`` or ``assistant``), and when its turn began."""

    role: str
    text: str
    at_ms: float


class PipecatProcess:
    """See the module. ``logs`` gets ``pipecat.log`` and what the agent was given."""

    name = "pipecat"

    def __init__(self, installation: Installation, questions: Sequence[dict[str, str]], logs: Path) -> None:
        self._port = free_port()
        self._address = f"http://127.0.0.1:{self._port}"
        self.url = f"ws://127.0.0.1:{self._port}/ws"
        self._installation = installation
        self._entries = [question["entry"] for question in questions]
        self._logs = logs
        self._stack = ExitStack()
        self._latencies: list[dict[str, Any]] = []

    @staticmethod
    def installed() -> bool:
        return PYTHON.exists()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        setup = self._logs / "pipecat.json"
        setup.write_text(json.dumps(self._setup(), ensure_ascii=False, indent=1), encoding="utf-8")
        log = self._stack.enter_context((self._logs / "pipecat.log").open("wb"))
        threads = str(self._threads())
        self._process = subprocess.Popen(
            [PYTHON, "-m", "bench.peers.pipecat.agent", setup],
            cwd=BASE_DIR,
            env=os.environ | {"OMP_NUM_THREADS": threads, "LOGURU_LEVEL": "INFO", "HF_HUB_OFFLINE": "1"},
            stdout=log,
            stderr=log,
        )
        self._stack.callback(self._stop)
        try:
            until(self._answers, f"Pipecat (see {self._logs / 'pipecat.log'})", READY_S)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def said(self, carrier_call_id: str) -> list[Said]:
        record = httpx.get(f"{self._address}/calls/{carrier_call_id}", timeout=10).raise_for_status().json()
        self._latencies += record["latencies"]
        return [Said(item["role"], item["text"] or "", item["at_s"] * 1000) for item in record["said"]]

    def contributions(self) -> dict[str, float]:
        """Return the median of each part of its latency (ms), as Pipecat itself measures them."""
        names = dict.fromkeys(name for turn in self._latencies for name in turn["parts"])
        return {name: median(turn["parts"].get(name, 0) for turn in self._latencies) for name in names}

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"Pipecat ended; see {self._logs / 'pipecat.log'}")
        try:
            return httpx.get(f"{self._address}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @staticmethod
    def _threads() -> int:
        return min(len(os.sched_getaffinity(0)), MOST_THREADS)

    def _setup(self) -> dict[str, Any]:
        """Return the fields of ``bench.peers.pipecat.agent.Setup``."""
        from engines.local.faster_whisper import SIMPLIFIED_PROMPT

        config = load_config()
        name, prompt, greeting, hot_words, voice = self._assistant()
        llm_url = f"http://127.0.0.1:{self._installation.env['AIKER_LLM_PORT']}/v1"
        kokoro = config.models / config.tts_model
        return {
            "port": self._port,
            "threads": self._threads(),
            "whisper": str(config.models / config.stt_model),
            "whisper_prompt": SIMPLIFIED_PROMPT + hot_words,
            "kokoro": str(kokoro / "model.onnx"),
            "voices": str(self._voices(kokoro / "voices")),
            "voice": voice,
            "llm_url": llm_url,
            "llm_model": httpx.get(f"{llm_url}/models", timeout=30)
            .raise_for_status()
            .json()["data"][0]["id"],
            "instructions": f"{prompt.replace('{name}', name)}\n资料：{self._facts()}",
            "greeting": greeting,
        }

    def _assistant(self) -> tuple[str, ...]:
        query = (
            "SELECT name, system_prompt, greeting, hot_words, voice FROM calls_assistant WHERE slug = 'anna'"
        )
        with closing(sqlite3.connect(self._installation.data_dir / "aiker.sqlite3")) as database:
            row: tuple[str, ...] = database.execute(query).fetchone()
        return row

    def _facts(self) -> str:
        """Return the passages that answer the questions, written as Aiker gives them to the model."""
        entries = {e["id"]: e for e in json.loads(KNOWLEDGE.read_text(encoding="utf-8"))["entries"]}
        chosen = [entries[key] for key in dict.fromkeys(self._entries)]
        return "".join(f"\n- {entry['title']}：{entry['answer']}" for entry in chosen)

    def _voices(self, folder: Path) -> Path:
        """Write the voices' files as the one file that kokoro-onnx reads."""
        path = self._installation.data_dir / "voices.npz"
        voices: dict[str, Any] = {
            file.stem: np.fromfile(file, np.float32).reshape(VOICE_SHAPE) for file in folder.glob("*.bin")
        }
        np.savez(path, **voices)
        return path
