"""Where the time of a turn went.

::

    timeline = Timeline(speech_end=1000.0, committed=1600.0, ..., audible=2900.0)
    timeline.contributions()   # [Contribution("endpoint_wait", 600, "turn taking"), ...]
    timeline.voice_to_voice    # 1900, and the contributions sum to it exactly

A contribution is what a step added to the critical path:
``max(0, t_i - max(earlier))``. Work done while something else was awaited costs nothing.

A timeline only observes: a call never asks it what to do (``tests/calls/test_latency.py`` takes it away).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple


class Contribution(NamedTuple):
    """One step's share of voice-to-voice, in whole ms, and who answers for it."""

    name: str
    ms: int
    owner: str


# Order of the critical path: (field of Timeline, name, owner). The turn ends when the silence has lasted
# long enough and the words are known: the wait for the former is the configuration's, for the latter the
# engine's, for the detector's next window the configuration's again.
_STEPS = (
    ("silence", "endpoint_wait", "turn taking"),
    ("transcript", "stt", "stt"),
    ("committed", "endpoint_wait", "turn taking"),
    ("passages", "retrieval", "knowledge"),
    ("first_token", "llm_first_token", "llm"),
    ("tool", "tool", "tool"),
    ("first_clause", "first_clause", "llm"),
    ("first_audio", "tts_first_audio", "tts"),
    ("filler_end", "filler", "assistant"),
    ("audible", "playout", "media"),
)


@dataclass(slots=True)
class Timeline:
    """Moments of a turn in ms on one monotonic clock; None where the turn did not get there."""

    speech_end: float
    committed: float | None = None
    transcript: float | None = None
    passages: float | None = None
    first_token: float | None = None
    first_clause: float | None = None
    first_audio: float | None = None
    audible: float | None = None
    tool: float | None = None
    filler: float | None = None  # first audible sample of what was said while the answer was late
    filler_end: float | None = None  # until then the answer waits for it
    silence: float | None = None  # when the silence was as long as the end of the turn asked for

    def reached(self, moment: str, at_ms: float | None) -> None:
        """Note when a moment (a field) was reached; only the first time counts."""
        if getattr(self, moment) is None:
            setattr(self, moment, at_ms)

    @property
    def voice_to_voice(self) -> int | None:
        """Whole ms from the caller's last audible sample to the first audible one of the reply."""
        return None if self.audible is None else round(self.audible - self.speech_end)

    def contributions(self) -> list[Contribution]:
        """Return the steps in the order of the critical path; they sum to voice-to-voice."""
        latest, shares = 0, dict[str, Contribution]()
        for moment, name, owner in _STEPS:
            at = self._silence_ended if moment == "silence" else getattr(self, moment)
            # What came while the caller already heard something kept nobody waiting.
            if at is None or (self.audible is not None and at > self.audible):
                continue
            # Rounding the moments rather than the differences keeps the sum exact.
            reached = max(latest, round(at - self.speech_end))
            added = shares[name].ms if name in shares else 0
            shares[name] = Contribution(name, added + reached - latest, owner)
            latest = reached
        return list(shares.values())

    @property
    def _silence_ended(self) -> float | None:
        """When the silence was long enough: at the latest when the turn ended."""
        if self.silence is None or self.committed is None:
            return self.committed
        return min(self.silence, self.committed)

    def as_dict(self) -> dict[str, float]:
        """Return the moments in ms after the end of speech, for the trace."""
        return {
            f.name: round(value - self.speech_end, 1)
            for f in fields(self)
            if (value := getattr(self, f.name)) is not None
        }
