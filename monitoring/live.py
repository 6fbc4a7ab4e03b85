"""The calls in progress, as a page shows them: fed with their events, asked for what changed.

::

    board = Board(time.monotonic)
    board.take(call, event)                 # on the event loop: microseconds
    update = board.changes(since=0)         # everything there is
    update = board.changes(update.revision) # what changed meanwhile; until there is no ``more``

Pure: time is handed in. What it keeps is bounded (lines of a call, length of a line, ended calls), and it
knows none of those who look: one that is slow asks later, and gets the same in one piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from aiker.calls.events import CallEvent, Event
from aiker.calls.observing import CallIdentity

MAX_LINES = 40
"""Lines of a call that are kept; what came before is in the call's record when it has ended."""
MAX_TEXT = 2000
SHOW_ENDED_S = 20.0
MAX_CALLS_A_PIECE = 10
"""Of an update: fifty long calls in one would hold up the event loop, and so every call, for 20 ms."""


class State(StrEnum):
    """What a call is doing."""

    LISTENING = "listening"
    THINKING = "thinking"
    TOOL = "tool"
    SPEAKING = "speaking"
    HELD = "held"  # the caller made a sound, the reply waits until it is known what it was
    ENDED = "ended"


@dataclass(slots=True)
class Line:
    """One exchange, or a fixed sentence (no turn). ``heard`` is None while the reply goes on."""

    number: int
    turn: int | None
    at_ms: int
    revision: int = 0
    caller: str = ""
    final: bool = False
    keys: str = ""
    filler: str = ""
    reply: str = ""
    heard: str | None = None
    interrupted: bool = False
    tool: str = ""
    error: dict[str, str] | None = None
    voice_to_voice_ms: int | None = None
    largest: dict[str, Any] | None = None  # the contribution that took longest: name, ms

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "turn": self.turn,
            "at_ms": self.at_ms,
            "caller": self.caller,
            "final": self.final,
            "keys": self.keys,
            "filler": self.filler,
            "reply": self.reply,
            "heard": self.heard,
            "interrupted": self.interrupted,
            "tool": self.tool,
            "error": self.error,
            "voice_to_voice_ms": self.voice_to_voice_ms,
            "largest": self.largest,
        }


@dataclass(slots=True)
class LiveCall:
    """A call in progress. ``began`` and ``state_since`` are moments of the board's clock."""

    identity: CallIdentity
    caller: str
    began: float
    state: State
    state_since: float
    revision: int = 0
    turns: int = 0
    errors: int = 0
    reason: str = ""
    listeners: list[str] = field(default_factory=list)
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=MAX_LINES))
    next_line: int = 1

    def as_dict(self, now: float, since: int) -> dict[str, Any]:
        """Return the call with the lines that changed after the revision ``since``."""
        return {
            "id": str(self.identity.id),
            "assistant": self.identity.assistant,
            "profile": self.identity.profile,
            "wire": self.identity.wire,
            "caller": self.caller,
            "state": self.state.value,
            "age_ms": round((now - self.began) * 1000),
            "state_ms": round((now - self.state_since) * 1000),
            "turns": self.turns,
            "errors": self.errors,
            "reason": self.reason,
            "listeners": self.listeners,
            "lines": [line.as_dict() for line in self.lines if line.revision > since],
            # A line that is older than the first one here is shown no more.
            "first_line": self.lines[0].number if self.lines else self.next_line,
        }


@dataclass(frozen=True, slots=True)
class Update:
    """What changed, or the first of it; ``live``: all ids, oldest first, where calls came or went."""

    revision: int
    calls: list[dict[str, Any]]
    live: list[str] | None
    more: bool


class Board:
    """See the module; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: dict[UUID, LiveCall] = {}
        self._revision = 0
        self._list_revision = 0  # when a call came or went

    @property
    def live(self) -> int:
        """How many calls are in progress."""
        return sum(call.state is not State.ENDED for call in self._calls.values())

    def changes(self, since: int) -> Update:
        """Return what changed after the revision ``since``; all there is from 0 on."""
        self._forget_ended()
        now = self._clock()
        changed = [call for call in self._calls.values() if call.revision > since]
        more = len(changed) > MAX_CALLS_A_PIECE
        # Those that changed first: what is left out has changed after the revision that is returned.
        piece = sorted(changed, key=lambda call: call.revision)[:MAX_CALLS_A_PIECE]
        revision = piece[-1].revision if more else self._revision
        moved = self._list_revision > since or since == 0
        live = [str(key) for key in self._calls] if moved else None
        return Update(revision, [call.as_dict(now, since) for call in piece], live, more)

    def take(self, identity: CallIdentity, event: Event) -> None:
        """Note an event of a call; one of a call whose begin was not seen is passed over."""
        if event.kind is CallEvent.CALL_STARTED:
            self._begin(identity, event)
        call = self._calls.get(identity.id)
        if call is None or call.state is State.ENDED:
            return  # a tool may outlast its call
        self._revision += 1
        call.revision = self._revision
        if state := _STATES.get(event.kind):
            self._enter(call, state)
        if handler := _HANDLERS.get(event.kind):
            handler(self, call, event)

    def _begin(self, identity: CallIdentity, event: Event) -> None:
        self._forget_ended()
        now = self._clock()
        caller = str(event.data.get("caller", ""))
        self._calls[identity.id] = LiveCall(identity, caller, now, State.LISTENING, now)
        self._list_revision = self._revision + 1

    def _forget_ended(self) -> None:
        due = self._clock() - SHOW_ENDED_S
        gone = [k for k, c in self._calls.items() if c.state is State.ENDED and c.state_since <= due]
        for key in gone:
            del self._calls[key]
        if gone:
            self._revision += 1
            self._list_revision = self._revision

    def _enter(self, call: LiveCall, state: State) -> None:
        if call.state is not state:
            call.state, call.state_since = state, self._clock()

    def _line(self, call: LiveCall, event: Event, *, new: bool = False) -> Line:
        """Return the line of the event's turn; it follows the last one where there is none yet."""
        found = None
        if not new:
            found = next((line for line in reversed(call.lines) if line.turn == event.turn), None)
        if found is None:
            found = Line(call.next_line, event.turn, event.at_ms)
            call.next_line += 1
            call.lines.append(found)
        found.revision = self._revision
        return found

    # -- events -------------------------------------------------------------

    def _transcript(self, call: LiveCall, event: Event) -> None:
        line = self._line(call, event)
        line.caller, line.final = event.data["text"][:MAX_TEXT], bool(event.data["final"])
        if line.final and not line.caller:
            self._enter(call, State.LISTENING)  # a noise gets no reply

    def _reply_text(self, call: LiveCall, event: Event) -> None:
        line = self._line(call, event, new=event.turn is None)
        if event.turn is None:
            self._enter(call, State.SPEAKING)
        line.reply = _joined(line.reply, event.data["text"])[:MAX_TEXT]

    def _reopened(self, call: LiveCall, event: Event) -> None:
        line = self._line(call, event)
        line.reply, line.final = "", False

    def _heard(self, call: LiveCall, event: Event) -> None:
        line = self._line(call, event)
        line.heard = event.data["heard"][:MAX_TEXT]
        line.interrupted = event.kind is CallEvent.INTERRUPTED

    def _phrase_finished(self, call: LiveCall, _event: Event) -> None:
        if call.state in (State.SPEAKING, State.HELD):
            self._enter(call, State.LISTENING)

    def _filler(self, call: LiveCall, event: Event) -> None:
        self._line(call, event).filler = event.data["text"][:MAX_TEXT]

    def _tool_started(self, call: LiveCall, event: Event) -> None:
        self._line(call, event).tool = event.data["name"]

    def _tool_finished(self, call: LiveCall, _event: Event) -> None:
        if call.state is State.TOOL:
            self._enter(call, State.THINKING)

    def _error(self, call: LiveCall, event: Event) -> None:
        call.errors += 1
        line = self._line(call, event, new=event.turn is None)
        line.error = {"stage": event.data["stage"], "code": event.data["code"]}

    def _dtmf(self, call: LiveCall, event: Event) -> None:
        typing = bool(call.lines) and bool(call.lines[-1].keys)
        line = self._line(call, event, new=not typing)
        line.keys = (line.keys + event.data["digit"])[:MAX_TEXT]

    def _turn_finished(self, call: LiveCall, event: Event) -> None:
        """The record of the turn has the last word."""
        data, line = event.data, self._line(call, event)
        call.turns += 1
        line.caller, line.final = data["user_text"][:MAX_TEXT], True
        line.reply = data["assistant_text"][:MAX_TEXT]
        line.heard, line.interrupted = data["heard_text"][:MAX_TEXT], data["interrupted"]
        line.voice_to_voice_ms = data["voice_to_voice_ms"]
        if data["error"]:
            line.error = {"stage": data["error"]["stage"], "code": data["error"]["code"]}
        if data["voice_to_voice_ms"] is not None and data["contributions"]:
            most = max(data["contributions"], key=lambda share: share["ms"])
            line.largest = {"name": most["name"], "ms": most["ms"]}

    def _operator(self, call: LiveCall, event: Event) -> None:
        name = event.data["by"]
        match event.data["action"]:
            case "listen":
                call.listeners.append(name)
            case "stop_listening" if name in call.listeners:
                call.listeners.remove(name)

    def _ended(self, call: LiveCall, event: Event) -> None:
        call.reason = event.data["reason"]


def _joined(text: str, clause: str) -> str:
    """Clauses of Chinese join without a space, Latin words with one."""
    latin = bool(text and clause) and text[-1].isascii() and clause[0].isascii()
    return f"{text} {clause}" if latin else text + clause


_STATES = {
    CallEvent.SPEECH_STARTED: State.LISTENING,
    CallEvent.SPEECH_PAUSED: State.LISTENING,
    CallEvent.TURN_COMMITTED: State.THINKING,
    CallEvent.TURN_REOPENED: State.LISTENING,
    CallEvent.TOOL_STARTED: State.TOOL,
    CallEvent.REPLY_STARTED: State.SPEAKING,
    CallEvent.REPLY_HELD: State.HELD,
    CallEvent.REPLY_RESUMED: State.SPEAKING,
    CallEvent.REPLY_FINISHED: State.LISTENING,
    CallEvent.INTERRUPTED: State.LISTENING,
    CallEvent.TURN_FINISHED: State.LISTENING,
    CallEvent.CALL_ENDED: State.ENDED,
}
_HANDLERS: dict[CallEvent, Callable[[Board, LiveCall, Event], None]] = {
    CallEvent.TRANSCRIPT: Board._transcript,
    CallEvent.REPLY_TEXT: Board._reply_text,
    CallEvent.TURN_REOPENED: Board._reopened,
    CallEvent.REPLY_FINISHED: Board._heard,
    CallEvent.INTERRUPTED: Board._heard,
    CallEvent.PHRASE_FINISHED: Board._phrase_finished,
    CallEvent.FILLER: Board._filler,
    CallEvent.TOOL_STARTED: Board._tool_started,
    CallEvent.TOOL_FINISHED: Board._tool_finished,
    CallEvent.ERROR: Board._error,
    CallEvent.DTMF: Board._dtmf,
    CallEvent.TURN_FINISHED: Board._turn_finished,
    CallEvent.OPERATOR: Board._operator,
    CallEvent.CALL_ENDED: Board._ended,
}
