"""What happens in a call, as one list of events.

The same events are the wire format of the softphone, what monitoring is
told, the trace kept with the call, and what tests compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class CallEvent(StrEnum):
    """Names of events; the comment gives the data of each."""

    CALL_STARTED = "call_started"  # call_id, assistant, caller
    PHRASE_FINISHED = "phrase_finished"  # interrupted; a greeting or a prompt is over
    SPEECH_STARTED = "speech_started"
    SPEECH_PAUSED = "speech_paused"
    TRANSCRIPT = "transcript"  # text, final
    TURN_COMMITTED = "turn_committed"
    TURN_REOPENED = "turn_reopened"  # heard: what the caller heard of an answer that is taken back
    PASSED_OVER = "passed_over"  # text, why (announcement, hesitation): words that are no turn
    PASSAGES = "passages"  # passages: [{key, title, text, score}]
    REPLY_TEXT = "reply_text"  # text: one clause, or a fixed sentence (turn is then null)
    REPLY_STARTED = "reply_started"
    REPLY_HELD = "reply_held"  # stop_ms; the caller began to speak, the turn is null for a fixed sentence
    REPLY_RESUMED = "reply_resumed"  # held_ms, outcome (noise, backchannel), said
    REPLY_FINISHED = "reply_finished"  # heard
    INTERRUPTED = "interrupted"  # heard
    TOOL_STARTED = "tool_started"  # name, by, arguments
    TOOL_FINISHED = "tool_finished"  # name, ms, error
    TURN_FINISHED = "turn_finished"  # the record of the turn, see ``records.TurnRecord``
    FILLER = "filler"  # text: said while the answer is late; no part of it
    SILENCE_PROMPT = "silence_prompt"  # count
    DTMF = "dtmf"  # digit
    ERROR = "error"  # stage, code, message
    OPERATOR = "operator"  # action (listen, stop_listening, hang_up), by; the caller's side is not told
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


class Emit(Protocol):
    """Tell of an event, see ``journal.Journal.emit``."""

    def __call__(self, kind: CallEvent, turn: int | None = None, **data: Any) -> None: ...
