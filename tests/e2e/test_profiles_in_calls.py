"""The same assistant over local, vendors' and mixed engines. A second set of our servers is the vendor."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from aiker.calls.caller import Caller, CallError, Line
from aiker.config import BASE_DIR
from tests.e2e.recordings import first_utterance, read_channels
from tests.installation import Installation
from tests.ports import free_port

pytestmark = [pytest.mark.models, pytest.mark.e2e]

QUESTION: dict[str, str] = json.loads((BASE_DIR / "bench" / "questions.json").read_text())["development"][0]
# Another loopback address than the one that belongs to the house (AIKER_LOCAL_HOSTS).
VENDOR_HOST = "127.0.0.2"


class Vendor:
    """Engines and a language model at another address, with keys."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"serve_engines": free_port(), "serve_llm": free_port()}
        env = os.environ | {"AIKER_DATA_DIR": str(folder)}
        self.processes = [
            subprocess.Popen(
                [sys.executable, "manage.py", command, "--host", VENDOR_HOST, "--port", str(port)],
                cwd=BASE_DIR,
                env=env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for command, port in self.ports.items()
        ]

    def wait(self) -> None:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport, timeout=60) as client:
            for port in self.ports.values():
                while client.get(f"http://{VENDOR_HOST}:{port}/health").status_code != 200:
                    pass

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def engine(self, stage: str, model: str) -> dict[str, Any]:
        port = self.ports["serve_llm" if stage == "llm" else "serve_engines"]
        address = {"base_url": f"http://{VENDOR_HOST}:{port}/v1", "model": model}
        return entry(f"vendor-{stage}", f"openai-{stage}", **address)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    with ExitStack() as stack:
        made = Vendor(tmp_path_factory.mktemp("vendor"))
        stack.callback(made.kill)
        made.wait()
        yield made


@pytest.fixture(scope="module")
def profiles(aiker: Installation, vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every profile of these tests, applied from a file."""
    llm = {"base_url": f"http://127.0.0.1:{aiker.env['AIKER_LLM_PORT']}/v1", "model": "qwen"}
    ours = [
        entry("our-stt", "faster-whisper"),
        entry("our-llm", "openai-llm", **llm),
        entry("our-tts", "kokoro"),
    ]
    models = {"stt": "whisper-base", "llm": "qwen", "tts": "kokoro-int8"}
    theirs = [vendor.engine(stage, model) for stage, model in models.items()]
    document = {
        "engines": ours + theirs,
        "profiles": [
            profile("local", "local", ours),
            profile("api", "api", theirs + ours),
            profile("hybrid", "hybrid", theirs + ours),
            profile("leaking", "local", ours + theirs),
        ],
    }
    file = tmp_path_factory.mktemp("profiles") / "ai_backend.yaml"
    file.write_text(yaml.safe_dump(document))
    done = aiker.command("ai_backend", "apply", str(file))
    assert done.returncode == 3, done.stderr
    assert VENDOR_HOST in done.stderr


def entry(slug: str, backend: str, **parameters: Any) -> dict[str, Any]:
    return {"slug": slug, "name": slug, "backend": backend, "parameters": parameters}


def profile(slug: str, mode: str, engines: list[dict[str, Any]]) -> dict[str, Any]:
    routes = [{"engine": engine["slug"], "timeout_ms": 15000} for engine in engines]
    return {"slug": slug, "name": slug, "mode": mode, "routes": routes}


def choose(aiker: Installation, slug: str) -> None:
    code = (
        "from aiker.calls.models import Assistant; from engines.models import BackendProfile;"
        f"profile = BackendProfile.objects.filter(slug={slug!r}).first();"
        "Assistant.objects.filter(slug='anna').update(profile=profile)"
    )
    assert aiker.command("shell", "-c", code).returncode == 0


def served(turn: dict[str, Any]) -> dict[str, str]:
    return {stage: routing["engine"] for stage, routing in turn["routing"].items()}


def recorded(aiker: Installation, carrier_call_id: str) -> list[dict[str, Any]]:
    """Return the turns of a call, once it has ended in the database: they are stored before."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        ended = "SELECT 1 FROM calls_call WHERE carrier_call_id = ? AND end_reason != ''"
        deadline = time.monotonic() + STORED_S
        while not database.execute(ended, [carrier_call_id]).fetchone() and time.monotonic() < deadline:
            time.sleep(0.2)
        rows = database.execute(
            "SELECT routing, heard_text FROM calls_turn JOIN calls_call ON calls_call.id = call_id "
            "WHERE carrier_call_id = ? ORDER BY number",
            [carrier_call_id],
        ).fetchall()
    return [{"routing": json.loads(routing), "heard": heard} for routing, heard in rows]


STORED_S = 20.0
OURS = {"stt": "our-stt", "llm": "our-llm", "tts": "our-tts"}
THEIRS = {"stt": "vendor-stt", "llm": "vendor-llm", "tts": "vendor-tts"}


@pytest.mark.usefixtures("profiles", "worded_by_the_model")
async def test_no_turn_is_lost_while_profiles_change_and_the_vendor_dies(
    aiker: Installation, vendor: Vendor, tmp_path: Path
) -> None:
    recording = tmp_path / "question.wav"
    turns: list[dict[str, Any]] = []
    for slug, expected in (("local", OURS), ("api", THEIRS), ("hybrid", OURS)):
        await asyncio.to_thread(choose, aiker, slug)
        report = await asyncio.to_thread(aiker.call, "--say", QUESTION["say"], "--record", str(recording))
        assert served(report["turns"][0]) == expected, (slug, report["turns"])
        turns += report["turns"]

    await asyncio.to_thread(choose, aiker, "api")
    spoken = first_utterance(read_channels(recording)[0])
    token = (await asyncio.to_thread(aiker.command, "call_token", "anna")).stdout.split()[0]
    url = f"ws://{aiker.address}/ws/twilio/anna/?token={token}"
    lines = [Line(spoken), Line(spoken)]
    cut = await Caller(url, lines, after_line=lambda line: vendor.kill() if line == 1 else None).call()
    before, after = recorded(aiker, cut.carrier_call_id)
    assert served(before) == THEIRS
    assert served(after) == OURS
    skipped = {one["engine"] for routing in after["routing"].values() for one in routing["skipped"]}
    assert skipped == {*THEIRS.values()}
    turns += [before, after]

    await asyncio.to_thread(choose, aiker, "leaking")
    with pytest.raises(CallError, match="refused"):
        await Caller(url, lines).call()
    await asyncio.to_thread(choose, aiker, "")
    last = await asyncio.to_thread(aiker.call, "--say", QUESTION["say"])

    turns += last["turns"]
    lost = [(number, turn) for number, turn in enumerate(turns) if QUESTION["fact"] not in turn["heard"]]
    assert not lost
