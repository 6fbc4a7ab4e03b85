"""How a turn ended, in one word of a small set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def outcome_of(turn: Mapping[str, Any]) -> str:
    """Return answered, interrupted, unanswered or failed for the data of ``turn_finished``."""
    if turn["error"]:
        return "failed"
    if turn["voice_to_voice_ms"] is None:
        return "unanswered"
    return "interrupted" if turn["interrupted"] else "answered"
