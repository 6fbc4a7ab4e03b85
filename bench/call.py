"""Five questions over the Twilio wire, measured from the audio that was sent and received."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.installation import Installation

QUESTIONS = json.loads(Path(__file__).with_name("questions.json").read_text())
ROUNDS = 3


def run() -> None:
    """Start Aiker, place ``ROUNDS`` calls, and print every turn."""
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder, Installation(Path(folder)) as aiker:
        says = [part for question in QUESTIONS for part in ("--say", question["say"])]
        reports = [aiker.call(*says) for _ in range(ROUNDS)]
    turns = [turn for report in reports for turn in report["turns"]]
    asked = [question["fact"] for question in QUESTIONS * ROUNDS]
    for turn, fact in zip(turns, asked, strict=True):
        print(line(turn, fact))
    latencies = sorted(ms for turn in turns if (ms := turn["voice_to_voice_ms"]) is not None)
    facts = sum(has_fact(turn, fact) for turn, fact in zip(turns, asked, strict=True))
    differences = [abs(t["voice_to_voice_ms"] - t["server_voice_to_voice_ms"]) for t in turns if has_both(t)]
    print(f"answered {len(latencies)} of {len(turns)}, fact in the answer {facts} of {len(turns)}")
    print(
        f"voice to voice from the audio: median {median(latencies):.0f} ms, "
        f"p90 {latencies[int(len(latencies) * 0.9)]} ms, {latencies[0]}-{latencies[-1]} ms"
    )
    print(f"server and audio differ by at most {max(differences)} ms")
    for name in turns[0]["contributions"]:
        print(f"  {name:18} median {median(t['contributions'].get(name, 0) for t in turns):5.0f} ms")


def has_fact(turn: dict[str, Any], fact: str) -> bool:
    return fact in turn.get("heard", "")


def has_both(turn: dict[str, Any]) -> bool:
    return None not in (turn["voice_to_voice_ms"], turn.get("server_voice_to_voice_ms"))


def line(turn: dict[str, Any], fact: str) -> str:
    mark, ms = "fact" if has_fact(turn, fact) else "    ", turn["voice_to_voice_ms"]
    return f"{mark} {ms!s:>6} ms  {turn.get('understood', '-')} -> {turn.get('heard', '-')}"
