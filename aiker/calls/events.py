"""What happens in a call, as one list of events.

The same events are the wire format of the softphone and of monitors, the
trace kept with the call, and what tests compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class CallEvent(StrEnum):
    """Names of events; the comment gives the data of each."""

    CALL_STARTED = "call_started"  # call_id, assistant
    SPEECH_STARTED = "speech_started"
    SPEECH_PAUSED = "speech_paused"
    TRANSCRIPT = "transcript"  # text, final
    TURN_COMMITTED = "turn_committed"
    PASSAGES = "passages"  # passages: [{key, title, text, score}]
    REPLY_TEXT = "reply_text"  # text: one clause, or a fixed sentence (turn is then null)
    REPLY_STARTED = "reply_started"
    REPLY_FINISHED = "reply_finished"  # heard
    INTERRUPTED = "interrupted"  # heard, stop_ms: since the caller began to speak; null: it was no barge-in
    TURN_FINISHED = "turn_finished"  # the record of the turn, see ``records.TurnRecord``
    SILENCE_PROMPT = "silence_prompt"  # count
    DTMF = "dtmf"  # digit
    ERROR = "error"  # stage, code, message
    CALL_ENDED = "call_ended"  # reason


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ``at_ms`` milliseconds after the call was answered."""

    kind: CallEvent
    at_ms: int
    turn: int | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"event": self.kind.value, "at_ms": self.at_ms, "turn": self.turn, **self.data}
