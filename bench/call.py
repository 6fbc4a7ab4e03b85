"""Thirty turns over the Twilio wire, measured from the audio that was sent and received.

``questions.json`` holds ``development``, which prompt, hot words and clause rules were tuned with, and two
sets that none of them has seen: ``held_out``, twenty questions for a fact, and ``mixed``, ten turns of other
kinds. The figures are those of the last two. Entries that a ``verbatim`` turn asks for are marked so in the
bench's own installation, as an operator does; turns that are answered so are reported apart. Where a word was
misheard, the language model may answer instead: how many were spoken as written is a figure of its own.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Metric, p90
from bench.verbatim import speak_as_written
from tests.installation import Installation

_SETS: dict[str, list[dict[str, str]]] = json.loads(Path(__file__).with_name("questions.json").read_text())
VERBATIM = "verbatim"
QUESTIONS = [{"kind": "fact"} | question for question in _SETS["held_out"]] + _SETS["mixed"]
TURNS_A_CALL = 5
MEDIAN_TARGET, P90_TARGET, VERBATIM_TARGET = 1500, 2500, 900
DIFFERENCE_TARGET = 60

UNANSWERED = {"voice_to_voice_ms": None, "longest_pause_ms": None}

Turns = Sequence[dict[str, Any]]


def run() -> Sequence[Metric]:
    """Start Aiker, ask the questions five to a call, print every turn and kind, and return the figures."""
    keys = [question["entry"] for question in QUESTIONS if question["kind"] == VERBATIM]
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder, Installation(Path(folder)) as aiker:
        aiker.without_fillers()
        speak_as_written(aiker, keys)
        turns = [turn for asked in calls() for turn in outcomes(asked, aiker.call(*says(asked))["turns"])]
    for turn in turns:
        print(line(turn))
    print_kinds(turns)
    return metrics(turns)


def calls() -> Iterator[list[dict[str, str]]]:
    """Yield the questions of each call."""
    for start in range(0, len(QUESTIONS), TURNS_A_CALL):
        yield QUESTIONS[start : start + TURNS_A_CALL]


def says(asked: Sequence[dict[str, str]]) -> list[str]:
    """Return the arguments of ``manage.py call`` that speak these questions."""
    return [part for question in asked for part in ("--say", question["say"])]


def outcomes(asked: Sequence[dict[str, str]], reported: Turns) -> list[dict[str, Any]]:
    """Return what came of each question; where the call ended early, the rest were not answered."""
    lost = [UNANSWERED | {"said": question["say"]} for question in asked[len(reported) :]]
    return [
        turn | {"kind": question["kind"], "fact": has_fact(turn, question["fact"])}
        for question, turn in zip(asked, [*reported, *lost], strict=True)
    ]


def metrics(turns: Turns) -> list[Metric]:
    """Return the figures of the turns: those spoken as written apart, and all others together. Pure."""
    others = [turn for turn in turns if not turn.get("verbatim")]
    answered, spoken = latencies(others), latencies([turn for turn in turns if turn.get("verbatim")])
    asked = sum(turn["kind"] == VERBATIM for turn in turns)
    pauses = [ms for turn in turns if (ms := turn["longest_pause_ms"]) is not None]
    differences = [abs(t["voice_to_voice_ms"] - t["server_voice_to_voice_ms"]) for t in turns if has_both(t)]
    count = f"of {len(turns)}"
    found = [
        Metric("answered", len(answered) + len(spoken), count, len(turns), "higher"),
        Metric("fact in the answer", sum(turn["fact"] for turn in turns), count, None, "higher"),
    ]
    if answered:
        found += [
            Metric("voice to voice, median", median(answered), "ms", MEDIAN_TARGET),
            Metric("voice to voice, p90", p90(answered), "ms", P90_TARGET),
            Metric("voice to voice, fastest", min(answered), "ms"),
            Metric("voice to voice, slowest", max(answered), "ms"),
            Metric("pause within a reply, median", median(pauses), "ms"),
            Metric("pause within a reply, longest", max(pauses), "ms"),
        ]
    if asked:
        found.append(Metric("spoken as written", len(spoken), f"of {asked}", None, "higher"))
    if spoken:
        found.append(Metric("spoken as written, median", median(spoken), "ms", VERBATIM_TARGET))
    if differences:
        found.append(Metric("server and audio differ, at most", max(differences), "ms", DIFFERENCE_TARGET))
    return found + [
        Metric(f"of it {name}, median", value, "ms") for name, value in contributions(others).items()
    ]


def contributions(turns: Turns) -> dict[str, float]:
    """Return the median of each step's share of voice to voice (ms), in the order of the steps."""
    names = dict.fromkeys(name for turn in turns for name in turn.get("contributions", {}))
    return {name: median(turn.get("contributions", {}).get(name, 0) for turn in turns) for name in names}


def print_kinds(turns: Turns) -> None:
    """Print what came of each kind, and where its time went."""
    for kind in dict.fromkeys(turn["kind"] for turn in turns):
        group = [turn for turn in turns if turn["kind"] == kind]
        measured = latencies(group)
        middle = f"median {median(measured):.0f} ms, slowest {max(measured)} ms" if measured else "unanswered"
        parts = ", ".join(f"{name} {ms:.0f}" for name, ms in contributions(group).items() if ms)
        facts = sum(turn["fact"] for turn in group)
        print(f"  {kind:10} {len(measured)} of {len(group)} answered, {facts} facts, {middle}: {parts}")


def latencies(turns: Turns) -> list[int]:
    return [ms for turn in turns if (ms := turn["voice_to_voice_ms"]) is not None]


def has_fact(turn: dict[str, Any], fact: str) -> bool:
    return re.search(fact, turn.get("heard", "")) is not None


def has_both(turn: dict[str, Any]) -> bool:
    return None not in (turn["voice_to_voice_ms"], turn.get("server_voice_to_voice_ms"))


def line(turn: dict[str, Any]) -> str:
    ms, pause = turn["voice_to_voice_ms"], turn["longest_pause_ms"]
    heard = f"{turn['said']} | {turn.get('understood', '-')} | {turn.get('heard', '-')}"
    fact = "fact" if turn["fact"] else ""
    return f"{turn['kind']:10} {fact:4} {ms!s:>6} ms  pause {pause!s:>5} ms  {heard}"
