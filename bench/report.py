"""What a bench measured, as data: printed, kept, and compared with the last that was committed.

::

    def run() -> Sequence[Metric] | None:
        return [Metric("voice to voice, median", 1.62, "s", target=1.5)]

``bench.__main__`` makes a ``Result`` of it. ``bench/results/<bench>.json`` is what was committed last
(``python -m bench --save`` writes it); the machine goes with it, since only the same machine compares.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

COMMITTED = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. ``name`` stays the same from run to run: it is what two results are compared by."""

    name: str
    value: float
    unit: str = ""
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one bench, when they were taken, and on what machine, with its load before."""

    bench: str
    metrics: tuple[Metric, ...]
    taken_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    machine: Mapping[str, Any] = field(default_factory=lambda: machine())

    def save(self, folder: Path) -> None:
        """Write ``<bench>.json`` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        metrics = {metric.name: _without_name(metric) for metric in self.metrics}
        data = {"taken_at": self.taken_at, "machine": dict(self.machine), "metrics": metrics}
        text = json.dumps(data, ensure_ascii=False, indent=2)
        (folder / f"{self.bench}.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, bench: str, folder: Path) -> Self | None:
        """Return what a folder has of a bench, or None."""
        path = folder / f"{bench}.json"
        if not path.exists():
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        metrics = tuple(Metric(name, **values) for name, values in data["metrics"].items())
        return cls(bench, metrics, data["taken_at"], data["machine"])


def _without_name(metric: Metric) -> dict[str, Any]:
    values = asdict(metric)
    del values["name"]
    return values


def machine() -> dict[str, Any]:
    """Return the processor, the cores this process may use, and the load of the last minute."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model or platform.processor(), "cores": cores, "load": round(os.getloadavg()[0], 1)}


def markdown(result: Result, before: Result | None) -> str:
    """Return a table of the figures, their targets, and their ratio to ``before`` (under 1: less)."""
    about = f"{result.taken_at[:16]}Z, {result.machine['cores']} cores, load {result.machine['load']}"
    lines = [f"## {result.bench}", "", f"{about}, {result.machine['cpu']}", ""]
    if before is not None and before.machine["cpu"] != result.machine["cpu"]:
        lines += [f"The committed result is from another machine: {before.machine['cpu']}.", ""]
    lines += ["| | measured | target | | committed | ratio |", "|---|---|---|---|---|---|"]
    earlier = {metric.name: metric for metric in before.metrics} if before else {}
    for metric in result.metrics:
        mark = {True: "met", False: "missed", None: ""}[metric.met]
        sign = "≤" if metric.better == "lower" else "≥"
        target = "" if metric.target is None else f"{sign} {figure(metric.target)}"
        shown = [metric.name, f"{figure(metric.value)} {metric.unit}".strip(), target, mark]
        lines.append("| " + " | ".join([*shown, *_against(metric, earlier.get(metric.name))]) + " |")
    return "\n".join(lines) + "\n"


def _against(metric: Metric, before: Metric | None) -> list[str]:
    if before is None or before.unit != metric.unit:
        return ["", ""]
    return [figure(before.value), f"{metric.value / before.value:.2f}" if before.value else ""]


def figure(value: float) -> str:
    """Return a number with three significant figures or all its whole ones."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def p90(values: Sequence[float]) -> float:
    """Return the value that a tenth of ``values`` exceed."""
    return sorted(values)[int(len(values) * 0.9)]
