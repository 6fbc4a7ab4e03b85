"""Whole calls: real processes, real models, real audio both ways."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiker.audio.levels import FLOOR_DBFS, window_dbfs
from aiker.calls.caller import Caller, Line
from aiker.config import BASE_DIR
from tests.e2e.recordings import first_utterance, read_channels
from tests.installation import Installation

pytestmark = [pytest.mark.models, pytest.mark.e2e]

QUESTIONS = json.loads((BASE_DIR / "bench" / "questions.json").read_text())["development"]
AGREEMENT_MS = 60
LATE_MS = 200  # the caller is a process of this machine, too: one turn of a call may find it asleep
ENVELOPE_MS = 5
APOLOGY_MS = 10_000  # on a busy machine; how long it takes is a matter of `make bench`
STAGE = {"serve_engines": "stt", "serve_llm": "llm"}


@pytest.fixture(scope="module")
def five_turns(aiker: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A call with five questions, in a voice that is not the assistant's."""
    wav = tmp_path_factory.mktemp("recordings") / "call.wav"
    says = [part for question in QUESTIONS for part in ("--say", question["say"])]
    return aiker.call(*says, "--voice", "zm_yunxi", "--record", str(wav)) | {"wav": wav}


def test_every_turn_is_answered(five_turns: dict[str, Any]) -> None:
    assert [turn["voice_to_voice_ms"] is not None for turn in five_turns["turns"]] == [True] * 5


def test_the_fact_asked_for_is_in_the_answer(five_turns: dict[str, Any]) -> None:
    facts = [q["fact"] in turn["heard"] for q, turn in zip(QUESTIONS, five_turns["turns"], strict=True)]
    assert sum(facts) >= 4, five_turns["turns"]


def test_the_servers_latency_is_that_of_the_audio(five_turns: dict[str, Any]) -> None:
    turns = five_turns["turns"]
    for turn in turns:
        assert sum(turn["contributions"].values()) == turn["server_voice_to_voice_ms"]
    *_, second, largest = sorted(
        abs(turn["server_voice_to_voice_ms"] - turn["voice_to_voice_ms"]) for turn in turns
    )
    assert second <= AGREEMENT_MS
    assert largest <= LATE_MS


def test_the_servers_recording_agrees_with_the_callers(
    aiker: Installation, five_turns: dict[str, Any]
) -> None:
    recordings = list((aiker.data_dir / "media" / "recordings").rglob(f"{five_turns['call_id']}.wav"))
    assert len(recordings) == 1
    pairs = zip(read_channels(recordings[0]), read_channels(five_turns["wav"]), strict=True)
    (caller_lag, caller_likeness), (assistant_lag, assistant_likeness) = [
        best_alignment(*map(envelope, pair)) for pair in pairs
    ]
    assert min(caller_likeness, assistant_likeness) > 0.9
    # Each side starts its clock when the call starts for it; the two directions must be shifted alike.
    assert abs(caller_lag - assistant_lag) * ENVELOPE_MS <= AGREEMENT_MS


def envelope(pcm: np.ndarray) -> np.ndarray:
    """Return the loudness of each 5 ms; replies may start a frame apart, so samples do not match."""
    levels = window_dbfs(pcm)
    return np.maximum(levels - FLOOR_DBFS, 0)


def best_alignment(one: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """Return the shift at which two envelopes are most alike, and their correlation there."""
    length = min(len(one), len(other))
    a, b = one[:length].astype(np.float64), other[:length].astype(np.float64)
    spectrum = np.fft.rfft(a, 2 * length) * np.conj(np.fft.rfft(b, 2 * length))
    correlation = np.fft.irfft(spectrum)
    shift = int(np.argmax(correlation))
    likeness = float(correlation[shift] / np.sqrt((a @ a) * (b @ b)))
    return (shift if shift < length else shift - 2 * length), likeness


def test_a_barge_in_stops_the_reply_and_cuts_the_history(aiker: Installation) -> None:
    says = ["--say", "你们在哪些城市有门店？", "--say", "客服热线的电话号码是多少？"]
    report = aiker.call(*says, "--barge-in", "1200")
    first, second = report["turns"]
    assert 0 < len(first["heard"]) < len(first["answer"])
    assert first["answer"].startswith(first["heard"])
    assert second["barge_in_stopped_after_ms"] < 1000
    assert "5100" in second["heard"]


@pytest.mark.usefixtures("worded_by_the_model")
@pytest.mark.parametrize("process", ["serve_engines", "serve_llm"])
async def test_an_engine_killed_in_a_call_is_made_up_for_and_comes_back(
    aiker: Installation, process: str, tmp_path: Path
) -> None:
    question = QUESTIONS[0]["say"]
    recording = tmp_path / "question.wav"
    await asyncio.to_thread(aiker.call, "--say", question, "--record", str(recording))
    spoken = first_utterance(read_channels(recording)[0])
    token = (await asyncio.to_thread(aiker.command, "call_token", "anna")).stdout.split()[0]
    recoveries = aiker.output.count("answers again")

    def kill(line: int) -> None:
        if line == 1:
            aiker.child(process).kill()

    url = f"ws://{aiker.address}/ws/twilio/anna/?token={token}"
    report = await Caller(url, [Line(spoken), Line(spoken)], after_line=kill).call()

    latency = report.turns[1].voice_to_voice_ms
    assert latency is not None
    assert latency <= APOLOGY_MS
    assert errors_of(aiker, report.carrier_call_id) == [{}, {"stage": STAGE[process]}]
    await asyncio.to_thread(aiker.until, "answers again", recoveries + 1)
    again = await asyncio.to_thread(aiker.call, "--say", question)
    assert QUESTIONS[0]["fact"] in again["turns"][0]["heard"]


def errors_of(aiker: Installation, carrier_call_id: str) -> list[dict[str, str]]:
    """Return the recorded error of each turn, its stage only."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        rows = database.execute(
            "SELECT error FROM calls_turn JOIN calls_call ON calls_call.id = call_id "
            "WHERE carrier_call_id = ? ORDER BY number",
            [carrier_call_id],
        ).fetchall()
    return [{key: value for key, value in json.loads(row[0]).items() if key == "stage"} for row in rows]
