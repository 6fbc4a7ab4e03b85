"""Ten calls at once, and how many one core carries: ``python -m bench load``.

The web process runs as ``manage.py start`` runs it, on one core, under Daphne and uvicorn in turn; callers
and engines of fixed speed run on the others (``bench.call_rig``). Measured from what the callers sent and
received: voice to voice alone and as one of ten, and how late every 20 ms frame came. How late the callers
themselves and the engines were is measured beside it, and so is how long the web process waited for its core
because others had it: on a machine that does other work these are what is wrong with the figures.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.call_rig import SPREAD_S, Rig, Web, environment
from bench.own_process import in_its_own
from bench.report import Metric

SERVERS = ("daphne", "uvicorn")
ROUNDS = 2
SECONDS = 30.0
RAMP = (20, 30, 40, 60, 80, 100, 140, 180)
RAMP_S = 20.0
SETTLE_S = SPREAD_S + 3.0  # the greeting is under way everywhere
MOST_LATE_MS = 40.0
MOST_ADDED = 0.20
FULL = 0.97  # of the core


@dataclass(frozen=True)
class Measured:
    """Some calls at once under one server; times in ms, shares of one core."""

    server: str
    calls: int
    turns: int
    unanswered: int
    voice_to_voice: float  # median of all turns
    slowest_call: float  # the highest median of a call
    late_p99: float
    late_max: float
    late: int  # frames over MOST_LATE_MS
    late_excused: int  # of them, while the caller itself was so late
    frames: int
    cpu: float
    waited: float  # for the core, while others had it; all threads together
    rss_mb: float
    callers_late_p99: float
    callers_late_max: float
    engines_late_p99: float

    @property
    def good(self) -> bool:
        return self.late_p99 <= MOST_LATE_MS and self.cpu < FULL and not self.unanswered


def run() -> list[Metric]:
    """Print the measurements, and return what each server showed."""
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        found = in_its_own("bench.load", env=environment(folder, AIKER_LOG_LEVEL="WARNING"))
    return [metric for server in SERVERS for metric in metrics(server, found["summary"][server])]


def metrics(server: str, figures: dict[str, float]) -> list[Metric]:
    added = 100 * (figures["slowest_of_ten_ms"] / figures["alone_ms"] - 1)
    return [
        Metric(f"{server}: voice to voice alone", figures["alone_ms"], "ms"),
        Metric(f"{server}: voice to voice of ten", figures["of_ten_ms"], "ms"),
        Metric(f"{server}: the slowest of ten is slower by", added, "%", MOST_ADDED * 100),
        Metric(
            f"{server}: frames over {MOST_LATE_MS:.0f} ms late", figures["frames_over"], "of ten calls", 0
        ),
        Metric(f"{server}: the latest frame", figures["frames_late_max_ms"], "ms", MOST_LATE_MS),
        Metric(f"{server}: calls a core", figures["calls_a_core"], "", None, "higher"),
        Metric(f"{server}: memory with ten", figures["rss_mb"], "MB"),
    ]


def main() -> None:
    import django

    django.setup()
    found: list[Measured] = []
    ramps: list[Measured] = []
    with Rig(Path(os.environ["AIKER_DATA_DIR"])) as rig:
        print(HEADER)
        for _ in range(ROUNDS):
            for server in SERVERS:
                with rig.web(server) as web:
                    rig.calls([["talk"]], 1.0).finished()  # what is loaded at the first call
                    found += [measure(rig, web, server, calls, SECONDS) for calls in (1, 10)]
        for server in SERVERS:
            with rig.web(server) as web:
                rig.calls([["talk"]], 1.0).finished()
                ramps += ramp(rig, web, server)
    summary = {server: summarise(server, found, ramps) for server in SERVERS}
    for server, figures in summary.items():
        print(f"{server}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    rows = [asdict(row) for row in [*found, *ramps]]
    print(json.dumps({"summary": summary, "measured": rows}))


def measure(rig: Rig, web: Web, server: str, calls: int, seconds: float) -> Measured:
    """Let so many talk for ``seconds``; the web process is watched while all of them do."""
    callers = rig.calls([["talk"]] * calls, seconds)
    time.sleep(SETTLE_S)
    rig.engines_late_ms()
    before = web.usage()
    time.sleep(seconds - SETTLE_S)
    after = web.usage()
    engines_late, _ = rig.engines_late_ms()
    row = measured(server, callers.finished(), after.since(before), after.rss_mb, engines_late)
    print(line(row), flush=True)
    return row


def measured(
    server: str, seen: dict[str, Any], used: tuple[float, float], rss_mb: float, engines_late: float
) -> Measured:
    calls = seen["calls"]
    late = [(ms, own) for call in calls for ms, own in zip(call["late"], call["excused"], strict=True)]
    over = [own for ms, own in late if ms > MOST_LATE_MS]
    latencies = [call["voice_to_voice"] for call in calls if call["voice_to_voice"]]
    return Measured(
        server=server,
        calls=len(calls),
        turns=sum(map(len, latencies)),
        unanswered=sum(call["unanswered"] for call in calls),
        voice_to_voice=round(median(ms for of_call in latencies for ms in of_call)) if latencies else 0,
        slowest_call=round(max(map(median, latencies))) if latencies else 0,
        late_p99=centile([ms for ms, _ in late], 0.99),
        late_max=centile([ms for ms, _ in late], 1.0),
        late=len(over),
        late_excused=sum(own > MOST_LATE_MS for own in over),
        frames=len(late),
        cpu=round(used[0], 3),
        waited=round(used[1], 3),
        rss_mb=round(rss_mb),
        callers_late_p99=centile(seen["lags"], 0.99),
        callers_late_max=centile(seen["lags"], 1.0),
        engines_late_p99=round(engines_late, 1),
    )


def centile(values: list[float], share: float) -> float:
    """Return the value that ``share`` of ``values`` do not exceed; 0 of none."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


def ramp(rig: Rig, web: Web, server: str) -> list[Measured]:
    """Return the measurements of more and more calls, up to the first that are too many."""
    rows: list[Measured] = []
    for calls in RAMP:
        rows.append(measure(rig, web, server, calls, RAMP_S))
        if not rows[-1].good:
            break
    return rows


def summarise(server: str, found: list[Measured], ramps: list[Measured]) -> dict[str, float]:
    """Return what a server showed in all its rounds."""
    alone, ten = ([r for r in found if r.server == server and r.calls == calls] for calls in (1, 10))
    carried = [r.calls for r in ramps if r.server == server and r.good]
    return {
        "alone_ms": median(r.voice_to_voice for r in alone),
        "of_ten_ms": median(r.voice_to_voice for r in ten),
        "slowest_of_ten_ms": median(r.slowest_call for r in ten),
        "frames_late_p99_ms": max(r.late_p99 for r in ten),
        "frames_late_max_ms": max(r.late_max for r in ten),
        "frames_over": sum(r.late - r.late_excused for r in ten),
        "cpu_of_ten": round(median(r.cpu for r in ten), 3),
        "calls_a_core": max(carried, default=0),
        "rss_mb": max(r.rss_mb for r in ten),
    }


HEADER = (
    "server   calls turns  v2v  slowest | frames late: p99   max  over 40 (caller's) of |  cpu  waited   rss"
    " | callers late p99   max | engines late p99"
)


def line(row: Measured) -> str:
    return (
        f"{row.server:8} {row.calls:5} {row.turns:5} {row.voice_to_voice:5.0f} {row.slowest_call:7.0f} |"
        f" {row.late_p99:16.1f} {row.late_max:6.1f} {row.late:7} ({row.late_excused:7}) {row.frames:6} |"
        f" {row.cpu:4.0%} {row.waited:6.0%} {row.rss_mb:5.0f} |"
        f" {row.callers_late_p99:16.1f} {row.callers_late_max:5.1f} | {row.engines_late_p99:16.1f}"
    )


if __name__ == "__main__":
    main()
