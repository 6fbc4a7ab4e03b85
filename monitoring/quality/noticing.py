"""What is noticed of a turn. Pure but for the fields it reads.

::

    notices(turn)       # [Notice.NO_PASSAGES, Notice.REFUSED]
    counts(turn)        # {"turns": 1, "searched": 1, "judged": 1}: what rates are of
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiker.calls.answering import Way
from aiker.calls.manners import Manner
from aiker.calls.models import EndReason, Turn
from aiker.calls.small_talk import is_small_talk
from aiker.calls.tools.spec import Kind
from monitoring.quality.models import Notice

# Of Whisper: the average of a word that it writes for want of a better one, and the chance of no speech.
UNSURE_LOGPROB = -0.8
UNSURE_NO_SPEECH = 0.5

OF = {
    Notice.NO_PASSAGES: "searched",
    Notice.REFUSED: "searched",
    Notice.NEAREST: "searched",
    Notice.UNSURE: "judged",
    Notice.TRANSFERRED: "calls",
    Notice.HUNG_UP: "calls",
}
"""What the rate of a notice is of, where that is not all turns."""
TURNS = "turns"

HANGING_UP = (EndReason.HUNG_UP, EndReason.CONNECTION_LOST)


def notices(turn: Turn) -> list[Notice]:
    """Return what is noticed of a turn by itself; HUNG_UP is told when its call has ended."""
    return list(_notices(turn))


def _notices(turn: Turn) -> Iterator[Notice]:
    if was_searched(turn) and not turn.passages:
        yield Notice.NO_PASSAGES
        # A fixed text was said though nothing was found, and no tool said it.
        if turn.retrieval.get("audio") and not turn.retrieval.get("verbatim") and not turn.tools:
            yield Notice.REFUSED
    if turn.retrieval.get("way") == Way.NEAREST:
        yield Notice.NEAREST
    if was_stopped(turn.retrieval):
        yield Notice.STOPPED
    if turn.manner in (Manner.REPEAT, Manner.SLOWER):
        yield Notice.REPEATED
    if turn.interrupted:
        yield Notice.INTERRUPTED
    if is_unsure(certainty(turn)):
        yield Notice.UNSURE
    if turn.error:
        yield Notice.APOLOGY
    if any(run.get("kind") == Kind.TRANSFER and not run.get("error") for run in turn.tools):
        yield Notice.TRANSFERRED


def counts(turn: Turn) -> dict[str, float]:
    """Return what the rates of notices are of."""
    found: dict[str, float] = {TURNS: 1}
    if was_searched(turn):
        found["searched"] = 1
    if certainty(turn):
        found["judged"] = 1
    return found


def was_stopped(retrieval: Mapping[str, Any]) -> bool:
    """Whether the guard kept back something that the language model wrote (``knowledge.grounding.guard``)."""
    return bool(retrieval.get("guard", {}).get("stopped"))


def was_searched(turn: Turn) -> bool:
    """Whether the knowledge was asked; of greetings and thanks it is not expected to know anything."""
    return "version" in turn.retrieval and not is_small_talk(turn.user_text)


def certainty(turn: Turn) -> dict[str, float]:
    """Return what the recogniser said of itself; empty where it does not say."""
    found: dict[str, float] = turn.routing.get("stt", {}).get("certainty", {})
    return found


def is_unsure(certainty: dict[str, float]) -> bool:
    return (
        certainty.get("avg_logprob", 0.0) < UNSURE_LOGPROB
        or certainty.get("no_speech_prob", 0.0) > UNSURE_NO_SPEECH
    )
