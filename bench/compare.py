"""Aiker and Pipecat on the same questions, in turn: same audio, models, machine and language model's server.

``python -m bench compare`` asks every question three times, ``python -m bench compare 1`` once. The two take
calls alternately, four questions each; both are up all the time and one of them is idle. Voice to voice is
measured by the caller from the audio. How the peer is built: ``bench/peers/README.md``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import httpx
import psutil

from aiker.audio import g711
from aiker.audio.wav import read_audio
from aiker.calls.caller import Caller, CallReport, Line
from aiker.config import BASE_DIR, load_config
from bench.peers.pipecat_process import PipecatProcess, Said
from bench.polling import until
from bench.report import Metric, p90
from tests.installation import Installation

QUESTIONS: list[dict[str, str]] = json.loads((BASE_DIR / "bench/peers/questions.json").read_text())
KEPT = BASE_DIR / "var" / "bench" / "compare"  # what was said and heard in the last run
ROUNDS = 3
QUESTIONS_A_CALL = 4
CALLERS_VOICE = "zm_yunxi"
# A pause between two sentences of a slow answer is not its end.
REPLY_OVER_MS = 2500
# An answer may be recorded as begun a little before the question's last sound.
EARLY_MS = 300
TOKEN = "bench"
MEDIAN_TARGET, P90_TARGET = 0.35, 0.4
ROLES = ("caller", "assistant")
PEER = PipecatProcess.name
FIGURES: dict[str, Callable[[list[int]], float]] = {
    "median": median,
    "p90": p90,
    "fastest": min,
    "slowest": max,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One question to one agent; ``ms`` is None when no answer was heard."""

    agent: str
    round: int
    asked: str
    understood: str
    answer: str
    fact: bool
    ms: int | None
    pause_ms: int | None


class Agent(Protocol):
    """One of those compared: ``url`` takes calls of Twilio's."""

    name: str
    url: str

    def said(self, carrier_call_id: str) -> list[Said]: ...


class Aiker:
    name = "aiker"

    def __init__(self, installation: Installation) -> None:
        self.url = f"ws://{installation.address}/ws/twilio/anna/?token={TOKEN}"
        self._database = installation.data_dir / "aiker.sqlite3"

    def said(self, carrier_call_id: str) -> list[Said]:
        """Return what the call's record holds, once it is complete."""
        ended = "SELECT 1 FROM calls_call WHERE carrier_call_id = ? AND end_reason != ''"
        until(lambda: self._rows(ended, carrier_call_id), "the record of the call", timeout_s=20)
        turns = (
            "SELECT at_ms, user_text, heard_text FROM calls_turn JOIN calls_call ON calls_call.id = call_id "
            "WHERE carrier_call_id = ? ORDER BY number"
        )
        rows = self._rows(turns, carrier_call_id)
        return [Said(role, text, at) for at, *texts in rows for role, text in zip(ROLES, texts, strict=True)]

    def _rows(self, query: str, carrier_call_id: str) -> list[tuple[int, str, str]]:
        with closing(sqlite3.connect(self._database)) as database:
            return database.execute(query, [carrier_call_id]).fetchall()


def run(rounds: int = ROUNDS) -> Sequence[Metric] | None:
    """Compare, print every turn, and return the figures and their ratios; None without the peer."""
    if not PipecatProcess.installed():
        print("left out: the peer is not installed (make bench-peers)")
        return None
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        installation = Installation(Path(folder), AIKER_CALL_TOKEN=TOKEN)
        with installation, PipecatProcess(installation, QUESTIONS, KEPT) as peer:
            installation.without_fillers()
            speak_questions(installation)
            agents: list[Agent] = [Aiker(installation), peer]
            turns = [turn for call in calls(agents, rounds) for turn in call]
            memory = memory_mb(peer.pid)
    (KEPT / "turns.json").write_text(
        json.dumps([asdict(turn) for turn in turns], ensure_ascii=False, indent=1)
    )
    for name, parts in peer.contributions().items():
        print(f"  pipecat's own split: {name:28} median {parts:5.0f} ms")
    print("  memory: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in memory.items()))
    return metrics(turns)


def speak_questions(installation: Installation) -> None:
    """Have the questions spoken once, in another voice than the assistants', and keep the recordings."""
    url = f"http://127.0.0.1:{installation.env['AIKER_ENGINES_PORT']}/v1/audio/speech"
    asked = {"model": load_config().tts_model, "voice": CALLERS_VOICE, "response_format": "wav"}
    for question in QUESTIONS:
        path = recording(question)
        if not path.exists():
            answer = httpx.post(url, json=asked | {"input": question["say"]}, timeout=60)
            path.write_bytes(answer.raise_for_status().content)


def recording(question: dict[str, str]) -> Path:
    return KEPT / f"question-{question['entry']}.wav"


def calls(agents: Sequence[Agent], rounds: int) -> Iterator[list[Turn]]:
    """Place the calls, the agents in turn; the one that begins changes from round to round."""
    for number in range(1, rounds + 1):
        order = agents if number % 2 else agents[::-1]
        for start in range(0, len(QUESTIONS), QUESTIONS_A_CALL):
            for agent in order:
                yield call(agent, number, QUESTIONS[start : start + QUESTIONS_A_CALL])


def call(agent: Agent, number: int, questions: Sequence[dict[str, str]]) -> list[Turn]:
    """Ask the questions in one call and print how each was answered."""
    lines = [Line(read_audio(recording(q), g711.RATE), q["say"]) for q in questions]
    report = asyncio.run(Caller(agent.url, lines, reply_over_ms=REPLY_OVER_MS).call())
    (KEPT / f"{agent.name}-{number}-{questions[0]['entry']}.wav").write_bytes(report.wav())
    said = agent.said(report.carrier_call_id)
    turns = [turn_of(agent, number, report, index, said, q) for index, q in enumerate(questions)]
    for turn in turns:
        fact = "fact" if turn.fact else "    "
        print(
            f"{turn.agent:8} {turn.ms!s:>6} ms {fact} {turn.asked} | {turn.understood} | {turn.answer}",
            flush=True,
        )
    return turns


def turn_of(
    agent: Agent, number: int, report: CallReport, index: int, said: Sequence[Said], question: dict[str, str]
) -> Turn:
    """Return what came of one question: what was said from its first sound to the next one's."""
    if index >= len(report.turns):  # the far end hung up
        return Turn(agent.name, number, question["say"], "", "", False, None, None)
    measured = report.turns[index]
    begins = [turn.spoke_from_ms - EARLY_MS for turn in report.turns] + [float("inf")]
    meant = [item for item in said if begins[index] <= item.at_ms < begins[index + 1]]
    understood, answer = ("".join(item.text for item in meant if item.role == role) for role in ROLES)
    return Turn(
        agent=agent.name,
        round=number,
        asked=question["say"],
        understood=understood,
        answer=answer,
        fact=re.search(question["fact"], answer) is not None,
        ms=measured.voice_to_voice_ms,
        pause_ms=measured.longest_pause_ms,
    )


def metrics(turns: Sequence[Turn]) -> list[Metric]:
    """Return the figures of each agent and Aiker's share of the peer's. Pure."""
    by_agent = {name: [turn for turn in turns if turn.agent == name] for name in (Aiker.name, PEER)}
    measured = {name: [t.ms for t in own if t.ms is not None] for name, own in by_agent.items()}
    found: list[Metric] = []
    if all(measured.values()):
        ours, theirs = measured[Aiker.name], measured[PEER]
        found.append(Metric("median: aiker / pipecat", median(ours) / median(theirs), "", MEDIAN_TARGET))
        found.append(Metric("p90: aiker / pipecat", p90(ours) / p90(theirs), "", P90_TARGET))
    for name, own in by_agent.items():
        count, facts = f"of {len(own)}", sum(turn.fact for turn in own)
        found.append(Metric(f"{name}: unanswered", len(own) - len(measured[name]), count))
        found.append(Metric(f"{name}: fact in the answer", facts, count, None, "higher"))
        found += [
            Metric(f"{name}: voice to voice, {what}", of(measured[name]), "ms")
            for what, of in FIGURES.items()
            if measured[name]
        ]
    return found


def memory_mb(peer: int) -> dict[str, float]:
    """Return the memory of each side's processes, shared pages parted among those that share them."""
    sides = {"aiker": 0.0, "the language model (both)": 0.0, "pipecat": 0.0}
    for process in psutil.Process().children(recursive=True):
        side = "pipecat" if process.pid == peer else "aiker"
        side = "the language model (both)" if "serve_llm" in process.cmdline() else side
        sides[side] += process.memory_full_info().pss / 2**20
    return sides
