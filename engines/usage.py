"""What engines were given and gave, counted until it is taken.

::

    usage = Usage()                                        # one a call, shared by the routes of its stages
    usage.add("tts", "kokoro", characters=12)
    usage.add("llm", "qwen", prompt_tokens=412, completion_tokens=31)
    usage.take()        # {"tts": {"kokoro": {"characters": 12}}, "llm": {...}}; and counts from nothing again

Units: ``seconds`` of audio that was recognised, ``characters`` that were spoken, ``prompt_tokens`` and
``completion_tokens``; ``estimated_tokens`` of both together are a guess by the length of the texts.
"""

from __future__ import annotations

from collections import defaultdict

TOKENS_A_CHARACTER = 0.7  # of Chinese, with Qwen and GLM; from above


class Usage:
    """See the module."""

    def __init__(self) -> None:
        self._amounts: dict[str, dict[str, dict[str, float]]] = {}

    def add(self, stage: str, engine: str, **amounts: float) -> None:
        """Count what a request of ``stage`` used of ``engine``."""
        counted = self._amounts.setdefault(stage, {}).setdefault(engine, defaultdict(float))
        for unit, amount in amounts.items():
            counted[unit] += amount

    def take(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return what was counted since this was called last, by stage, engine and unit."""
        taken, self._amounts = self._amounts, {}
        return {
            stage: {
                engine: {unit: round(amount, 3) for unit, amount in units.items()}
                for engine, units in engines.items()
            }
            for stage, engines in taken.items()
        }


def estimated_tokens(characters: int) -> int:
    """Return about how many tokens a text of so many characters has."""
    return round(characters * TOKENS_A_CHARACTER)
