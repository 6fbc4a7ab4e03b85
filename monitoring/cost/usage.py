"""Usage of engines as names of counts, and back. Pure.

::

    flat({"tts": {"kokoro": {"characters": 12}}})       # {"tts|kokoro|characters": 12}
    by_engine({"tts|kokoro|characters": 12, "turns": 1})   # {("tts", "kokoro"): {"characters": 12}}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

UNITS = ("seconds", "prompt_tokens", "completion_tokens", "estimated_tokens", "characters")


def flat(usage: Mapping[str, Any]) -> dict[str, float]:
    """Return the usage of a turn (``engines.usage``) as counts of a tally."""
    return {
        f"{stage}|{engine}|{unit}": amount
        for stage, engines in usage.items()
        for engine, units in engines.items()
        for unit, amount in units.items()
    }


def by_engine(counts: Mapping[str, float]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the amounts of each stage and engine."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for name, amount in counts.items():
        stage, _, rest = name.partition("|")
        engine, _, unit = rest.rpartition("|")
        if unit in UNITS:
            found[stage, engine][unit] = amount
    return dict(found)


def totals(counts: Mapping[str, float]) -> dict[str, float]:
    """Return the amount of each unit over all engines."""
    whole = dict.fromkeys(UNITS, 0.0)
    for units in by_engine(counts).values():
        for unit, amount in units.items():
            whole[unit] += amount
    return whole
