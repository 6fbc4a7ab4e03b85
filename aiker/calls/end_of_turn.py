"""How long must the caller be silent before the turn is over? Decided from all that is known; pure.

::

    detector = EndOfTurn(after_sentence_ms=250, longest_pause_ms=1500)
    detector.silence_ms(Evidence("你们几点开门", probability=0.97))      # 250
    detector.silence_ms(Evidence("我想问一下那个", probability=0.01))    # 1500
    detector.silence_ms(Evidence(None))                                 # 1500: nothing is recognised yet

The words and the sound are asked together: each is wrong too often alone (``docs/turn-taking.md``). Anything
with ``silence_ms`` can take the place of ``EndOfTurn``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aiker.calls.completeness import Completeness, completeness, is_circumstance
from aiker.calls.dictation import is_begun
from aiker.calls.manners import Manner, manner_of

SOUNDS_FINISHED = 0.5
# Over the longest pause: of the pauses that callers make in these, 95 % are under 2.5 s.
DICTATING_MS = 1100.0  # between the groups of a number
LEAD_IN_MS = 1500.0  # behind 我想问一下
CIRCUMSTANCE_MS = 1100.0  # behind 我们公司有五个人
REOPEN_MS = 800
REACTION_MS = 400  # what a caller began to hear later than this before speaking, was not yet understood


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a pause.

    ``transcript`` is None while recognition runs, and "" when it heard no words or failed. ``probability``
    is the audio turn model's (0 to 1), None before it has answered or where there is none. ``dictating`` says
    that the assistant asked for a number, ``answering`` that it asked anything.
    """

    transcript: str | None = None
    probability: float | None = None
    dictating: bool = False
    answering: bool = False


class Detector(Protocol):
    """Decides how much silence ends a turn."""

    def silence_ms(self, evidence: Evidence) -> float:
        """Return the silence in ms, counted from the caller's last sound."""
        ...


# How far on the way from the shortest wait to the longest, by what the words and the sound say.
_SHARES: dict[Completeness, tuple[float, float, float]] = {
    #                          sounds: finished, unknown, unfinished
    Completeness.FINISHED: (0.0, 0.0, 0.2),
    Completeness.UNCLEAR: (0.3, 0.4, 0.6),
    Completeness.UNFINISHED: (1.0, 1.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """Words and sound together, between two waits in ms."""

    after_sentence_ms: float
    longest_pause_ms: float

    def silence_ms(self, evidence: Evidence) -> float:
        if evidence.transcript is None:
            # There is nothing to answer yet, so waiting for the words costs nothing.
            return self.longest_pause_ms
        text = evidence.transcript
        if is_begun(text, expected=evidence.dictating):
            return self.longest_pause_ms + DICTATING_MS
        if manner_of(text) is Manner.LEAD_IN:
            return self.longest_pause_ms + LEAD_IN_MS
        if not evidence.answering and is_circumstance(text):
            return self.longest_pause_ms + CIRCUMSTANCE_MS
        words = completeness(text)
        if evidence.dictating and words is Completeness.UNCLEAR:
            words = Completeness.UNFINISHED
        finished, unknown, unfinished = _SHARES[words]
        if evidence.probability is None:
            share = unknown
        else:
            share = finished if evidence.probability >= SOUNDS_FINISHED else unfinished
        return self.after_sentence_ms + share * max(0.0, self.longest_pause_ms - self.after_sentence_ms)


def goes_on(since_commit_ms: float, heard_ms: float | None) -> bool:
    """Whether speech belongs to the turn that was taken for over ``since_commit_ms`` before it began.

    ``heard_ms`` is how long the answer had been playing by then, None when nothing of it was sent: then it
    cannot have been replied to. What comes soon after its first sound began before that was understood.
    """
    return heard_ms is None or (since_commit_ms <= REOPEN_MS and heard_ms <= REACTION_MS)
