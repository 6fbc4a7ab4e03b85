"""What was answered last, for a caller who did not catch it. Pure.

::

    earlier = Earlier.of(question, segments, whole=True)
    earlier.clauses          # [("九点开门。", mulaw)]; empty: it was broken off, the question is asked again
    mend(history, heard)     # the words stand in the history once, as far as they were ever heard
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiker.calls.playout import Segment
from engines.adapters.llm_adapter import Message


@dataclass(frozen=True, slots=True)
class Earlier:
    """The question that was answered last, and the clauses of the answer with their mu-law audio."""

    question: str
    clauses: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, question: str, segments: Sequence[Segment], *, whole: bool) -> Earlier:
        """``whole`` is whether every clause was made to its end, whatever of it was heard."""
        clauses = tuple((segment.text, bytes(segment.audio)) for segment in segments) if whole else ()
        return cls(question, clauses)


def mend(history: list[Message], heard: str) -> None:
    """Put what was heard of a repetition into the history, where it is more than the first time."""
    if history and history[-1]["role"] == "assistant" and len(heard) > len(str(history[-1]["content"])):
        history[-1] = {"role": "assistant", "content": heard}
