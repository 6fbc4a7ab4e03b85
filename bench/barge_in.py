"""Barge-ins into real replies, measured from the audio the caller received.

Every process of Aiker runs, with the real models. In each call the caller asks a question and makes a
sound while the reply plays: in 20 calls something that wants the floor, in 20 others a backchannel or a
noise, during which the reply must be played to its end. The caller's own record of what it played (marks,
cleared audio) is compared with what the server says was heard.

The replies are answers spoken as written, from audio made ahead: long enough to be cut into, and of the same
length on a machine that is busy. What is said into them is recognised and answered as in any call.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from aiker.audio import g711
from aiker.audio.g711 import Pcm
from aiker.audio.levels import first_loud_sample
from aiker.audio.wav import read_audio
from aiker.calls.caller import Caller, CallError, CallReport, Line, Played
from bench import line_noises
from bench.report import Metric
from tests.installation import Installation

TOKEN = "bench"
VOICE = "zm_yunxi"  # not the assistant's
REPLY_OVER_MS = 3000  # longer than a reply is held
LAST_REPLY_MS = 5000  # what an interruption is answered with is not this bench's
STORED_S = 15
KNOWLEDGE = Path(__file__).with_suffix(".json")
QUESTIONS = [entry["question"] for entry in json.loads(KNOWLEDGE.read_text("utf-8"))["entries"]]
BASE = "barge-in"
ANSWER_FROM_IT = """
from aiker.calls.ahead import make, wanted_phrases
from aiker.calls.models import Assistant
from knowledge.models import KnowledgeBase
anna = Assistant.objects.get(slug="anna")
anna.knowledge_base = KnowledgeBase.objects.get(slug="{base}")
anna.save()
make(wanted_phrases(), lambda: True)
"""
MOMENTS_MS = (400, 900, 1500, 2200, 3000, 4100, 5300)  # into the reply
INTERRUPTIONS = (
    "等一下，我想问停车多少钱。",
    "不对，我问的是押金。",
    "我想换个问题。",
    "那会议室怎么收费？",
    "不用了，谢谢。",
    "请问你们周末开门吗？",
    "等一下。",
    "停一下，先别说了。",
    "我听不清楚，请再说一遍。",
    "帮我转人工客服。",
    "这个我知道，我想问合同。",
    "先等等，我拿个笔记一下。",
    "不是这个意思。",
    "你能说慢一点吗？",
    "多少钱一个月？",
    "那如果我提前退租呢？",
    "喂，能听见我说话吗？",
    "算了，我自己去看吧。",
    "你刚才说的地址是哪里？",
    "不需要，别说了。",
)
BACKCHANNELS = (
    "嗯",
    "对",
    "好的",
    "是的",
    "哦",
    "嗯嗯",
    "好",
    "对对",
    "嗯。",
    "好的好的",
    "是",
    "知道了",
)
NOISES: dict[str, Callable[[], Pcm]] = {
    "cough": lambda: line_noises.cough(1, 1),
    "two coughs": lambda: line_noises.cough(2),
    "hem": lambda: line_noises.hem(3),
    "knock": lambda: line_noises.knock(4),
    "breath": lambda: line_noises.breath(5),
    "noise burst": lambda: line_noises.hiss(6),
    "crackle": lambda: line_noises.crackle(7),
    "line hum": lambda: line_noises.hum(),
}
CASES = len(INTERRUPTIONS) + len(BACKCHANNELS) + len(NOISES)
STOP_TARGET_MS, STOP_CONFIRMED_TARGET_MS = 200, 300


@dataclass(frozen=True)
class Case:
    name: str
    sound: Pcm
    wants_floor: bool
    question: str
    moment_ms: int


@dataclass(frozen=True)
class Result:
    """What came of a case; times in ms. ``wrong_characters``: history against what the caller heard."""

    case: Case
    interrupted: bool
    stop_ms: int | None  # from the first audible sample of the sound to the last of the reply
    server_stop_ms: int | None
    gap_ms: int  # silence put into a reply that went on
    said: str
    heard: str
    unheard: str
    wrong_characters: int

    @property
    def right(self) -> bool:
        return self.interrupted == self.case.wants_floor


def run() -> list[Metric]:
    """Start Aiker, place the 40 calls, print each, and return the figures."""
    load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder,
        Installation(Path(folder), AIKER_CALL_TOKEN=TOKEN) as aiker,
    ):
        answer_from(aiker, KNOWLEDGE, BASE)
        results = [result for case in cases(aiker) if (result := place(aiker, case))]
    print(f"load of the machine: {load:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")
    return figures(results)


def answer_from(aiker: Installation, knowledge: Path, base: str) -> None:
    """Load answers for the assistant anna and make their audio; RuntimeError when that fails."""
    load = ["load_knowledge", str(knowledge), "--base", base]
    for arguments in (load, ["shell", "-v", "0", "-c", ANSWER_FROM_IT.format(base=base)]):
        done = aiker.command(*arguments)
        if done.returncode:
            raise RuntimeError(done.stderr)


def cases(aiker: Installation) -> list[Case]:
    sounds = [(text, speech(aiker, text, VOICE), True) for text in INTERRUPTIONS]
    sounds += [(text, speech(aiker, text, VOICE), False) for text in BACKCHANNELS]
    sounds += [(name, make(), False) for name, make in NOISES.items()]
    return [
        Case(name, sound, floor, QUESTIONS[i % len(QUESTIONS)], MOMENTS_MS[i % len(MOMENTS_MS)])
        for i, (name, sound, floor) in enumerate(sounds)
    ]


def place(aiker: Installation, case: Case) -> Result | None:
    """Place the call of a case; None, said on the screen, when there was no reply to cut into."""
    url = f"ws://{aiker.address}/ws/twilio/anna/?token={TOKEN}"
    lines = [Line(speech(aiker, case.question, VOICE)), Line(case.sound, barge_in_ms=case.moment_ms)]
    try:
        caller = Caller(url, lines, reply_over_ms=REPLY_OVER_MS, last_reply_ms=LAST_REPLY_MS)
        report = asyncio.run(caller.call())
        turns, clauses = stored(aiker, report.carrier_call_id)
    except (CallError, TimeoutError) as exc:
        print(f"{case.name}: no call: {exc}")
        return None
    if not turns or not turns[0]["assistant_text"] or len(report.turns) < 2:
        print(f"{case.name}: no reply: {turns[0]['error'] if turns else 'nothing was understood'}")
        return None
    result = judge(aiker, case, report, turns[0], clauses)
    print(line(result), flush=True)
    return result


def judge(
    aiker: Installation, case: Case, report: CallReport, turn: dict[str, Any], clauses: list[str]
) -> Result:
    barge_ins = turn["barge_ins"]
    played = report.played
    if turn["interrupted"]:  # what follows the last clear is the next reply
        played = played[: max(i for i, entry in enumerate(played) if not entry.name) + 1]
    heard = heard_by_caller(aiker, played, clauses)
    difference = abs(len(heard) - len(turn["heard_text"]))
    if not turn["assistant_text"].startswith(turn["heard_text"]):
        difference = max(difference, 1000)
    return Result(
        case,
        interrupted=bool(turn["interrupted"]),
        stop_ms=report.turns[1].stopped_after_ms if turn["interrupted"] else None,
        server_stop_ms=barge_ins[-1]["stop_ms"] if barge_ins else None,
        gap_ms=0 if turn["interrupted"] else gap_ms(report),
        said=", ".join(f"{b['outcome']} {b['said']}".strip() for b in barge_ins),
        heard=turn["heard_text"],
        unheard=turn["assistant_text"][len(turn["heard_text"]) :],
        wrong_characters=difference,
    )


def heard_by_caller(aiker: Installation, history: list[Played], clauses: list[str]) -> str:
    """Return what of the first reply the caller played, by its marks and the length of each clause's speech.

    The first mark is the greeting's. A clause counts whole when its mark was reached by playing; of the one
    that was cleared, the share of its audio. What a resumed reply repeats counts once.
    """
    text, clauses = "", list(clauses)
    before = history[0].media_ms
    stopped = 0.0  # of the clause that was cleared
    for played in history[1:]:
        if not clauses:
            break
        if played.name:
            text += clauses.pop(0)
            stopped = 0.0
        else:
            stopped = max(stopped, played.media_ms - before)
        before = played.media_ms
    if clauses and stopped:
        length = len(speech(aiker, clauses[0], voice_of(aiker))) / 8
        text += clauses[0][: int(len(clauses[0]) * min(1.0, stopped / length))]
    return text


def gap_ms(report: CallReport) -> int:
    """Return the silence between where the reply was cleared and where it went on."""
    total = 0
    for played in report.played:
        if not played.name and played.at_ms > report.turns[1].spoke_from_ms:
            first = first_loud_sample(report.received[round(played.at_ms * 8) :])
            total += 0 if first is None else round(first / 8)
    return total


def stored(aiker: Installation, carrier_call_id: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the turns of a call as the server recorded them, and the clauses of the first one's reply."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        call = one_row(database, carrier_call_id)
        turns = database.execute("SELECT * FROM calls_turn WHERE call_id = ? ORDER BY number", [call["id"]])
        rows = [dict(row) | {n: json.loads(row[n]) for n in ("error", "barge_ins")} for row in turns]
    events = json.loads(call["events"])
    return rows, [e["text"] for e in events if e["event"] == "reply_text" and e["turn"] == 1]


def one_row(database: sqlite3.Connection, carrier_call_id: str) -> sqlite3.Row:
    query = "SELECT id, events FROM calls_call WHERE carrier_call_id = ? AND end_reason != ''"
    for _ in range(STORED_S * 10):
        if row := database.execute(query, [carrier_call_id]).fetchone():
            return row
        asyncio.run(asyncio.sleep(0.1))
    raise TimeoutError("the call was not stored")


def voice_of(aiker: Installation) -> str:
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        return str(database.execute("SELECT voice FROM calls_assistant WHERE slug = 'anna'").fetchone()[0])


SPOKEN: dict[tuple[str, str], Pcm] = {}


def speech(aiker: Installation, text: str, voice: str) -> Pcm:
    """Return ``text`` in 8 kHz, from the installation's engine, once for each text."""
    if (text, voice) not in SPOKEN:
        address = f"http://127.0.0.1:{aiker.env['AIKER_ENGINES_PORT']}/v1/audio/speech"
        answer = httpx.post(
            address, json={"input": text, "voice": voice, "response_format": "wav"}, timeout=120
        )
        answer.raise_for_status()
        path = aiker.data_dir / "bench.wav"
        path.write_bytes(answer.content)
        SPOKEN[text, voice] = read_audio(path, g711.RATE)
    return SPOKEN[text, voice]


def line(result: Result) -> str:
    stop = "" if result.stop_ms is None else f"stopped after {result.stop_ms} ms"
    gap = f"held {result.gap_ms} ms" if result.gap_ms else ""
    return (
        f"{'ok   ' if result.right else 'WRONG'} {result.case.name} at {result.case.moment_ms} ms: "
        f"{stop}{gap} [{result.said}] {result.heard}|{result.unheard} (off by {result.wrong_characters})"
    )


def figures(results: Sequence[Result]) -> list[Metric]:
    wanted = [result for result in results if result.case.wants_floor]
    others = [result for result in results if not result.case.wants_floor]
    stops = [result.stop_ms for result in wanted if result.stop_ms is not None]
    gaps = [result.gap_ms for result in others if result.right and result.gap_ms]
    off = [result.wrong_characters for result in results]
    of_wanted, of_others = f"of {len(wanted)}", f"of {len(others)}"
    found = [
        Metric("calls without a reply", CASES - len(results), f"of {CASES}", 0),
        Metric("interruptions: missed", sum(not result.right for result in wanted), of_wanted, 0),
        Metric("backchannels and noises: interrupted", sum(not r.right for r in others), of_others, 0),
        Metric(
            "played on without a gap",
            sum(r.right and not r.gap_ms for r in others),
            of_others,
            None,
            "higher",
        ),
        Metric("history is what was heard", sum(n <= 1 for n in off), f"of {len(off)}", len(off), "higher"),
    ]
    if stops:
        found += [
            Metric("stop time from the audio, median", median(stops), "ms", STOP_TARGET_MS),
            Metric("stop time from the audio, p95", percentile(stops), "ms", STOP_CONFIRMED_TARGET_MS),
            Metric("stop time from the audio, longest", max(stops), "ms"),
        ]
    if gaps:
        found += [
            Metric("held and resumed: gap, median", median(gaps), "ms"),
            Metric("held and resumed: gap, longest", max(gaps), "ms"),
        ]
    return found


def percentile(values: list[int], share: float = 0.95) -> int:
    return round(float(np.percentile(values, share * 100)))
