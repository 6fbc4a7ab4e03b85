"""Calls without end, two at a time, good and bad: ``python -m bench soak``, or ``soak 3`` for three minutes.

Most calls talk; others cut in, hang up during the greeting, break off while the reply is spoken, or send what
nobody can read. Every 10 s the memory of each process is taken, and the files, sockets and threads of the web
process; a slope over these, in MB an hour, tells whether something grows. When all have hung up, the process
tells (in the line it logs at the end of a call) how many calls live and how many asyncio tasks there are.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.call_rig import Rig, Usage, Web, environment, usage
from bench.light_callers import Callers
from bench.load import centile
from bench.own_process import in_its_own
from bench.report import Metric

MINUTES = 30
EVERY_S = 10.0
WARM_SHARE, WARM_MOST_S = 0.25, 300.0  # of the run, not part of the slope
LANES = [
    ["talk", "barge_in", "talk", "garbage", "talk"],
    ["talk", "hang_up_in_greeting", "talk", "break_off", "barge_in"],
]
TURNS = 2
WARM_UP_S, WARM_UP_TIMES = 180.0, 5  # what is opened once: connections, threads, room for as many calls
END_S = 5.0
FLAT_MB_HOUR = 0.5  # what the heap's widest moment still rises by is no leak: of 424 MB a tenth of a per cent
LAST_LINE = re.compile(r"(\d+) calls live, (\d+) tasks")


def run(minutes: Sequence[int] = (MINUTES,)) -> list[Metric]:
    """Print what happened; return slopes and what is left behind, of the last length asked for."""
    for length in minutes:
        with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
            found = in_its_own("bench.soak", str(length), env=environment(folder, AIKER_LOG_LEVEL="INFO"))
    return metrics(found)


def main(minutes: int) -> None:
    import django

    django.setup()
    folder = Path(os.environ["AIKER_DATA_DIR"])
    with Rig(folder) as rig, rig.web("daphne") as web:
        rig.calls(LANES * WARM_UP_TIMES, WARM_UP_S, TURNS).finished()
        time.sleep(END_S)
        before = state(web)
        callers = rig.calls(LANES, minutes * 60, TURNS)
        samples = watched(callers, rig, web)
        seen = callers.finished()
        time.sleep(END_S)
        after = state(web)
        stored = sum(file.stat().st_size for file in (folder / "media").rglob("*.wav")) / 2**20
        errors = [
            text for text in web.log.read_text().splitlines() if " ERROR " in text or "Traceback" in text
        ]
    slopes = {name: {m: slope(warm(of), m) for m in ("heap_mb", "rss_mb")} for name, of in samples.items()}
    told(seen, samples, slopes, before, after, stored, errors)


def watched(callers: Callers, rig: Rig, web: Web) -> dict[str, list[Usage]]:
    """Return what each process used, every 10 s, until the callers have hung up."""
    pids = {"web": web.pid, **rig.processes}
    samples: dict[str, list[Usage]] = {name: [] for name in pids}
    due = time.monotonic()
    while callers.calling:
        for name, pid in pids.items():
            samples[name].append(usage(pid))
        rig.engines_late_ms()  # which they keep until they are asked
        due += EVERY_S
        time.sleep(max(0.0, due - time.monotonic()))
    return samples


def warm(samples: list[Usage]) -> list[Usage]:
    """Return the samples behind the warm-up."""
    began, length = samples[0].at, samples[-1].at - samples[0].at
    return [one for one in samples if one.at - began >= min(WARM_MOST_S, WARM_SHARE * length)]


def slope(samples: list[Usage], measure: str) -> tuple[float, float]:
    """Return the growth an hour by least squares, and half the width of its 95 % interval.

    Neighbouring samples resemble each other: the interval counts only as many of them as are independent
    (by the correlation of a remainder with the one before it).
    """
    hours = [(one.at - samples[0].at) / 3600 for one in samples]
    return regression(hours, [getattr(one, measure) for one in samples])


def regression(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    n = len(x)
    if n < 4:
        return math.nan, math.nan
    mean_x, mean_y = sum(x) / n, sum(y) / n
    spread = sum((a - mean_x) ** 2 for a in x)
    steep = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    rests = [b - mean_y - steep * (a - mean_x) for a, b in zip(x, y, strict=True)]
    square = sum(rest**2 for rest in rests)
    if not square:
        return steep, 0.0
    alike = max(0.0, sum(a * b for a, b in itertools.pairwise(rests)) / square)
    independent = max(3.0, n * (1 - alike) / (1 + alike))
    return steep, 2.0 * math.sqrt(square / n * n / (independent - 2) / spread)


def state(web: Web) -> dict[str, float]:
    """Return what the web process holds open now; calls and tasks as it told at the end of its last call."""
    now, told = web.usage(), LAST_LINE.findall(web.log.read_text())
    calls, tasks = map(int, told[-1]) if told else (-1, -1)
    return {
        "files": now.files,
        "sockets": now.sockets,
        "threads": now.threads,
        "calls": calls,
        "tasks": tasks,
        "heap_mb": round(now.heap_mb, 1),
    }


def told(
    seen: dict[str, Any],
    samples: dict[str, list[Usage]],
    slopes: dict[str, dict[str, tuple[float, float]]],
    before: dict[str, float],
    after: dict[str, float],
    stored_mb: float,
    errors: list[str],
) -> None:
    calls = seen["calls"]
    kinds = {kind: sum(call["kind"] == kind for call in calls) for lane in LANES for kind in lane}
    late = [ms for call in calls for ms in call["late"]]
    print(f"{len(calls)} calls: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    print(
        f"frames late: p99 {centile(late, 0.99)}, at most {centile(late, 1.0)} ms; "
        f"recordings on disk {stored_mb:.0f} MB"
    )
    for name, of in samples.items():
        (heap, heap_half), (rss, rss_half) = slopes[name]["heap_mb"], slopes[name]["rss_mb"]
        print(
            f"{name:8} {of[0].heap_mb:6.1f} -> {of[-1].heap_mb:6.1f} MB of its own;"
            f" {heap:+7.1f} +- {heap_half:.1f} MB an hour (resident {rss:+7.1f} +- {rss_half:.1f})"
        )
    print(f"web before: {before}\nweb after:  {after}\nerrors in its log: {len(errors)} {errors[:3]}")
    unanswered = sum(call["unanswered"] for call in calls)
    codes = {f"{call['kind']} {call['code']}" for call in calls}
    print(f"unanswered {unanswered}; ends: {', '.join(sorted(codes))}")
    result = {"calls": len(calls), "slopes": slopes, "before": before, "after": after, "errors": len(errors)}
    print(json.dumps(result | {"unanswered": unanswered, "late_p99_ms": centile(late, 0.99)}))


def metrics(found: dict[str, Any]) -> list[Metric]:
    """Return what ``told`` found; "beyond doubt" is the lower end of a slope's interval."""
    calls = f"of {found['calls']} calls"
    left = [
        Metric(f"web: {what} left behind", found["after"][what] - found["before"][what], "", 0)
        for what in ("calls", "tasks", "sockets", "files", "threads")
    ]
    memory = []
    for process, slopes in found["slopes"].items():
        steep, half = slopes["heap_mb"]
        memory += [
            Metric(f"{process}: memory of its own, slope", steep, "MB an hour"),
            Metric(
                f"{process}: memory of its own, growth beyond doubt",
                max(0.0, steep - half),
                "MB an hour",
                FLAT_MB_HOUR,
            ),
        ]
    return [
        Metric("errors in the log", found["errors"], calls, 0),
        Metric("unanswered questions", found["unanswered"], calls, 0),
        Metric("frames late, p99", found["late_p99_ms"], "ms"),
        *left,
        *memory,
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]))
