"""Sixty scenes of a telephone line as it is: ``python -m bench line``, or some of them by id or kind.

Echo, voices and music behind the caller, silence that is not sent, lost and repeated frames, dictated
numbers, words that ask for the floor, pauses, holds, messages that make no sense. ``scenes.json`` was written
before anything was tuned; half of it is held out. Every process of Aiker runs, with the real models; each
scene is a call or some, whose caller (``caller.py``) plays its script (``scripts.py``). What the caller heard
and what Aiker stored is judged (``judging.py``).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from aiker.audio.g711 import Pcm
from aiker.audio.levels import first_loud_sample, last_loud_sample
from bench.barge_in import TOKEN, answer_from, speech
from bench.line.judging import failures
from bench.line.scripts import Scene, Stage, play, texts_of
from bench.report import Metric
from tests.installation import Installation

SCENES: list[Scene] = json.loads(Path(__file__).with_name("scenes.json").read_text("utf-8"))
KNOWLEDGE = Path(__file__).with_name("base.json")
STORED_WITHIN_S = 15


def run(wanted: Sequence[str] = ()) -> list[Metric]:
    """Play the scenes whose id or kind is ``wanted`` (none: all), print each, and return the figures."""
    scenes = [scene for scene in SCENES if not wanted or {scene["id"], scene["kind"]} & set(wanted)]
    with (
        tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder,
        Installation(Path(folder), AIKER_CALL_TOKEN=TOKEN) as aiker,
    ):
        aiker.without_fillers()  # the caller would take one for the answer
        answer_from(aiker, KNOWLEDGE, "line")
        passed = {scene["id"]: placed(aiker, scene) for scene in scenes}
    return figures(scenes, passed)


def placed(aiker: Installation, scene: Scene) -> bool:
    """Play a scene, print its line, and return whether it showed what it must."""
    url = f"ws://{aiker.address}/ws/twilio/anna/?token={TOKEN}"
    said = {key: trimmed(speech(aiker, *key)) for key in texts_of(scene)}
    wrong = []
    for call_id, call in asyncio.run(play(scene, Stage(url, said))):
        call.rows, call.turns = stored(aiker, call_id)
        wrong += failures(scene["must"], call)
    verdict = "FAIL" if wrong else "PASS"
    print(f"{verdict} {scene['id']}{' held out' if scene['held_out'] else ''} {'; '.join(wrong)}", flush=True)
    return not wrong


def trimmed(pcm: Pcm) -> Pcm:
    """Return speech without the silence around it."""
    return pcm[first_loud_sample(pcm) : (last_loud_sample(pcm) or len(pcm) - 1) + 1]


def stored(aiker: Installation, call_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows and the turns of a carrier's call, when it has been stored."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        ends = time.monotonic() + STORED_WITHIN_S
        while True:
            rows = database.execute(
                "SELECT * FROM calls_call WHERE carrier_call_id = ?", [call_id]
            ).fetchall()
            if (rows and all(row["end_reason"] for row in rows)) or time.monotonic() > ends:
                break
            time.sleep(0.1)
        query = "SELECT * FROM calls_turn WHERE call_id = ? ORDER BY number"
        turns = [dict(turn) for row in rows for turn in database.execute(query, [row["id"]])]
    return [dict(row) for row in rows], turns


def figures(scenes: Sequence[Scene], passed: Mapping[str, bool]) -> list[Metric]:
    """Return how many scenes of each kind passed, those for tuning and those held out. Pure."""
    found = []
    for held_out, name in ((False, "development"), (True, "held out")):
        of = [scene for scene in scenes if scene["held_out"] is held_out]
        total = Counter(scene["kind"] for scene in of)
        right = Counter(scene["kind"] for scene in of if passed[scene["id"]])
        found += [
            Metric(f"{name}: {kind}", right[kind], f"of {total[kind]}", total[kind], "higher")
            for kind in total
        ]
        if of:
            found.append(Metric(f"{name}: all", right.total(), f"of {len(of)}", len(of), "higher"))
    return found
