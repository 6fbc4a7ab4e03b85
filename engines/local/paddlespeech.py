"""PaddleSpeech FastSpeech2, spoken by a worker process in its own virtual environment (``make paddle``)."""

from __future__ import annotations

import json
import logging
import os
import select
import struct
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from engines.local.base import TTS_SAMPLE_RATE, EngineDownError, Samples
from engines.local.clauses import DEFAULT_VOICE, ClauseTTS

logger = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("paddle_worker.py")
# Paddle and its models take 10 to 30 s to import and load; a clause takes less than a second.
LOAD_S = 180.0
ANSWER_S = 30.0


class PaddleSpeechTTS(ClauseTTS[int | None]):
    """A model directory: ``fastspeech2/`` and ``vocoder/`` (HiFiGAN or Parallel WaveGAN), as published.

    ::

        tts = PaddleSpeechTTS(models / "fastspeech2-csmsc", threads=2, cache_dir=cache, python=paddle_python)
        for pcm in tts.pieces("您好，请问有什么可以帮到您？"):
            send(pcm)           # s16le mono 24 kHz, a clause at a time

    The model says Chinese characters only: Latin words are silent. Raises EngineDownError when the worker
    has died, is silent for too long, or cannot load the model; it is started anew.
    """

    def __init__(self, model_dir: Path, threads: int, cache_dir: Path, python: Path) -> None:
        if not python.exists():
            raise RuntimeError(f"PaddleSpeech is not installed: there is no {python}. Run: make paddle")
        speakers = _speakers(model_dir / "fastspeech2" / "speaker_id_map.txt")
        super().__init__({DEFAULT_VOICE: next(iter(speakers.values()), None), **speakers})
        self.worker = Worker([str(python), "-I", str(WORKER), str(model_dir)], threads, cache_dir)

    def _speak(self, text: str, speaker: int | None, speed: float) -> Iterator[Samples]:
        rate, samples = self.worker.ask({"text": text, "speaker": speaker, "speed": speed})
        if samples.size:
            yield soxr.resample(samples, rate, TTS_SAMPLE_RATE)


class Worker:
    """The process behind the engine: started when it is first asked, and again when it has died.

    For one thread. ``process`` is the present one.
    """

    def __init__(self, command: list[str], threads: int, cache_dir: Path) -> None:
        self._command = command
        self._environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "PPSPEECH_HOME": str(cache_dir / "paddlespeech"),
            "PPNLP_HOME": str(cache_dir / "paddlenlp"),
            "HF_HUB_OFFLINE": "1",
        }
        self._loaded = False
        self._stop: Callable[[], object] = lambda: None
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any]) -> tuple[int, Samples]:
        """Return the sample rate and what the worker makes of ``request``, or raise EngineDownError."""
        process = self.process
        if process is None or process.poll() is not None:
            process = self._start()
        try:
            if not self._loaded:
                _answer(process, LOAD_S)
                self._loaded = True
            _send(process, json.dumps(request).encode())
            return _answer(process, ANSWER_S)
        except (EOFError, BrokenPipeError, TimeoutError) as exc:
            what = f"was silent for {exc} s" if isinstance(exc, TimeoutError) else "ended"
            # Its successor loads while the caller is told: the next call need not wait for all of it.
            self._start()
            message = f"The PaddleSpeech worker {what} and is started anew; the server's log says why."
            raise EngineDownError(message) from exc

    def _start(self) -> subprocess.Popen[bytes]:
        self._stop()
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=self._environment
        )
        self._loaded = False
        self._stop = weakref.finalize(self, _end, self.process)
        logger.info("PaddleSpeech worker started as process %d", self.process.pid)
        return self.process


def _send(process: subprocess.Popen[bytes], body: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(struct.pack(">I", len(body)) + body)


def _answer(process: subprocess.Popen[bytes], limit_s: float) -> tuple[int, Samples]:
    """Read one answer; EngineDownError is what the worker itself reports, EOFError its end."""
    deadline = time.monotonic() + limit_s
    (length,) = struct.unpack(">I", _read(process, 4, deadline, limit_s))
    about = json.loads(_read(process, length, deadline, limit_s))
    if "error" in about:
        raise EngineDownError(f"PaddleSpeech cannot do this: {about['error']}")
    samples = _read(process, 4 * about["samples"], deadline, limit_s)
    return about["rate"], np.frombuffer(samples, "<f4").astype(np.float32)


def _read(process: subprocess.Popen[bytes], size: int, deadline: float, limit_s: float) -> bytes:
    assert process.stdout is not None
    parts = bytearray()
    while len(parts) < size:
        if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"{limit_s:g}")
        part = process.stdout.read(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a worker, alive or not; it holds nothing that could be lost."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def _speakers(path: Path) -> dict[str, int]:
    """Read ``speaker_id_map.txt``: a name and a number a line; a model of one speaker has no such file."""
    if not path.exists():
        return {}
    lines = (line.split() for line in path.read_text("utf-8").splitlines())
    return {name: int(number) for name, number in lines}
