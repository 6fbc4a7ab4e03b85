"""The web process between callers and engines of fixed speed, each on cores of its own.

::

    with Rig(folder) as rig:                  # stand-in engines, Chroma with the sample data, one assistant
        with rig.web("daphne") as web:        # as ``manage.py start`` runs it, on one core
            before = web.usage()
            callers = rig.calls([["talk"]] * 10, seconds=30)
            found = callers.finished()
            web.usage().since(before)         # CPU, waiting for the core, memory, files, threads

Django is set up, and its settings say which ports and which data directory.
"""

from __future__ import annotations

import base64
import functools
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from bench.knowledge_processes import answers
from bench.light_callers import Callers, Spec
from bench.stand_in_engines import HEARD
from tests.ports import free_port

TOKEN = "bench"
SPEECH = "question.ulaw"
ANONYMOUS = re.compile(r"RssAnon:\s+(\d+) kB")
SPREAD_S = 2.0  # within which simultaneous calls begin, and so do not speak in step
_random = random.Random(5)


def environment(folder: str, **more: str) -> dict[str, str]:
    """Return the environment of a rig in ``folder``, for the process that uses it."""
    chroma, engines, web = (str(free_port()) for _ in range(3))
    return os.environ | {
        "AIKER_DATA_DIR": folder,
        "AIKER_CALL_TOKEN": TOKEN,
        "AIKER_MAX_CALLS": "1000",
        "AIKER_LANGUAGE": "en",
        "AIKER_PORT": web,
        "AIKER_CHROMA_PORT": chroma,
        "AIKER_ENGINES_PORT": engines,
        "AIKER_LLM_PORT": engines,
        "DJANGO_SETTINGS_MODULE": "aiker.settings",
        **more,
    }


def cores() -> tuple[list[int], list[int]]:
    """Return the core of the web process, and those of everything else."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[:1], allowed[1:] or allowed


@dataclass(frozen=True)
class Usage:
    """What a process has used: seconds of CPU, and of waiting for its core while others had it."""

    at: float
    cpu_s: float
    waited_s: float
    rss_mb: float
    heap_mb: float  # anonymous: of its own whatever else runs, unlike libraries' pages
    files: int
    sockets: int
    threads: int

    def since(self, before: Usage) -> tuple[float, float]:
        """Return the shares (0..1) of one core that were used, and waited for."""
        seconds = self.at - before.at
        return (self.cpu_s - before.cpu_s) / seconds, (self.waited_s - before.waited_s) / seconds


def usage(pid: int) -> Usage:
    process = psutil.Process(pid)
    memory, times = process.memory_info(), process.cpu_times()
    status = Path(f"/proc/{pid}/status").read_text()
    waited = sum(int(task.read_text().split()[1]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return Usage(
        time.monotonic(),
        times.user + times.system,
        waited / 1e9,
        memory.rss / 2**20,
        int(ANONYMOUS.findall(status)[0]) / 2**10,
        process.num_fds(),
        len(process.net_connections()),
        process.num_threads(),
    )


@dataclass(frozen=True)
class Web:
    pid: int
    log: Path

    def usage(self) -> Usage:
        return usage(self.pid)


class Rig:
    """See the module. ``processes`` are what runs beside the web process: pids by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.processes: dict[str, int] = {}

    def __enter__(self) -> Self:
        from django.conf import settings

        from aiker.management.commands.start import chroma_command

        config = settings.AIKER
        engines = [sys.executable, "-m", "bench.stand_in_engines", str(config.engines_port)]
        for name, command in {"engines": engines, "chroma": chroma_command(config)}.items():
            self.processes[name] = self._stack.enter_context(self._running(name, command, cores()[1])).pid
        answers(f"http://127.0.0.1:{config.engines_port}/health")
        answers(f"http://127.0.0.1:{config.chroma_port}/api/v2/heartbeat")
        if not (speech := self._folder / SPEECH).exists():
            subprocess.run([sys.executable, "-m", "bench.call_rig"], check=True, stdout=subprocess.DEVNULL)
        self.speech = speech.read_bytes()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def _running(
        self, name: str, command: Sequence[str], on: list[int], env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        pin = functools.partial(os.sched_setaffinity, 0, on)  # before there is a thread
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | (env or {}), preexec_fn=pin
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @contextmanager
    def web(self, server: str) -> Iterator[Web]:
        """Run the web process with ``server`` on its core."""
        from django.conf import settings

        from aiker.management.commands.start import services

        service = services(settings.AIKER.model_copy(update={"server": server}))["web"]
        log = self._folder / f"web-{server}.log"
        with self._running(f"web-{server}", service.command, cores()[0], service.env) as process:
            answers(service.health_url)
            yield Web(process.pid, log)

    def calls(self, lanes: list[list[str]], seconds: float, turns: int = 1000) -> Callers:
        """Start lanes of calls (``light_callers.Spec``), within ``SPREAD_S``."""
        from django.conf import settings

        url = f"ws://127.0.0.1:{settings.AIKER.port}/ws/twilio/anna/?token={TOKEN}"
        begin = [_random.uniform(0, SPREAD_S) for _ in lanes]
        speech = base64.b64encode(self.speech).decode()
        return Callers(Spec(url, speech, lanes, begin, seconds, turns), cores()[1])

    def engines_late_ms(self) -> tuple[float, float]:
        """Return how late the stand-in engines were since they were last asked: p99, longest."""
        from django.conf import settings

        found = httpx.get(f"http://127.0.0.1:{settings.AIKER.engines_port}/health", timeout=10).json()
        return found["late_p99_ms"], found["late_max_ms"]


def prepare() -> None:
    """Fill the data directory: the sample knowledge, the assistant, its phrases, and a question as speech."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from aiker.calls.models import Assistant
    from knowledge.models import KnowledgeBase

    call_command("migrate", verbosity=0)
    call_command("load_knowledge")
    # Every question is for the language model, whatever the stand-in's vectors say.
    KnowledgeBase.objects.update(min_confidence=0.0, verbatim_confidence=1.0)
    base = KnowledgeBase.objects.get()
    Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base, silence_seconds=120)
    call_command("warm_phrases")
    (settings.AIKER.data_dir / SPEECH).write_bytes(question(settings.AIKER.data_dir / "cache"))


def question(cache: Path) -> bytes:
    """Return a spoken question as mu-law, without the silence around it."""
    import numpy as np

    from aiker.audio import g711
    from aiker.audio.levels import first_loud_sample, last_loud_sample
    from aiker.audio.resample import StreamResampler
    from engines.catalog import model_dir
    from engines.local.kokoro import KokoroTTS

    voice = KokoroTTS(model_dir("kokoro-int8"), 2, cache)
    pcm = np.frombuffer(b"".join(voice.pieces(HEARD, "zf_xiaobei")), "<i2")
    pcm = StreamResampler(24_000, g711.RATE).feed(pcm, last=True)
    return g711.encode(pcm[first_loud_sample(pcm) : last_loud_sample(pcm)])


if __name__ == "__main__":
    prepare()
