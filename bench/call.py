"""Questions over the Twilio wire, measured from the audio that was sent and received.

``questions.json`` holds two sets: ``development``, which prompt, hot words and clause rules were tuned
with, and ``held_out``, which none of them has seen. The figures are those of the second.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.installation import Installation

QUESTIONS: list[dict[str, str]] = json.loads(Path(__file__).with_name("questions.json").read_text())[
    "held_out"
]
TURNS_A_CALL = 5


def run() -> None:
    """Start Aiker, ask the held-out questions five to a call, and print every turn."""
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder, Installation(Path(folder)) as aiker:
        turns = [turn for call in calls() for turn in aiker.call(*call)["turns"]]
    facts = [has_fact(turn, question["fact"]) for turn, question in zip(turns, QUESTIONS, strict=True)]
    for turn, fact in zip(turns, facts, strict=True):
        print(line(turn, fact))
    latencies = sorted(ms for turn in turns if (ms := turn["voice_to_voice_ms"]) is not None)
    pauses = sorted(ms for turn in turns if (ms := turn["longest_pause_ms"]) is not None)
    differences = [abs(t["voice_to_voice_ms"] - t["server_voice_to_voice_ms"]) for t in turns if has_both(t)]
    print(f"answered {len(latencies)} of {len(turns)}, fact in the answer {sum(facts)} of {len(turns)}")
    print(
        f"voice to voice from the audio: median {median(latencies):.0f} ms, "
        f"p90 {latencies[int(len(latencies) * 0.9)]} ms, {latencies[0]}-{latencies[-1]} ms"
    )
    print(f"longest pause within a reply: median {median(pauses):.0f} ms, at most {pauses[-1]} ms")
    print(f"server and audio differ by at most {max(differences)} ms")
    for name in turns[0]["contributions"]:
        print(f"  {name:18} median {median(t['contributions'].get(name, 0) for t in turns):5.0f} ms")


def calls() -> Iterator[list[str]]:
    """Yield the arguments of ``manage.py call`` for each call."""
    for start in range(0, len(QUESTIONS), TURNS_A_CALL):
        yield [part for q in QUESTIONS[start : start + TURNS_A_CALL] for part in ("--say", q["say"])]


def has_fact(turn: dict[str, Any], fact: str) -> bool:
    return re.search(fact, turn.get("heard", "")) is not None


def has_both(turn: dict[str, Any]) -> bool:
    return None not in (turn["voice_to_voice_ms"], turn.get("server_voice_to_voice_ms"))


def line(turn: dict[str, Any], fact: bool) -> str:
    ms, pause = turn["voice_to_voice_ms"], turn["longest_pause_ms"]
    heard = f"{turn['said']} | {turn.get('understood', '-')} | {turn.get('heard', '-')}"
    return f"{'fact' if fact else '    '} {ms!s:>6} ms  pause {pause!s:>5} ms  {heard}"
