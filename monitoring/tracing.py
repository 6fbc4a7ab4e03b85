"""Spans of calls and turns, made of what calls tell; on their event loop, so only arithmetic happens here.

::

    traces = CallTraces(writer.put, texts=False)
    observing.call_event.connect(traces.on_event)

A call is a trace whose id is the call's, a turn a span of it, and what each step took is below that. A step
begins when what it works on was there, and ends at its moment in ``aiker.calls.latency.Timeline``; what it
added to the caller's wait is ``aiker.share_ms``. ``monitoring.otlp`` sends them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiker.calls.events import CallEvent, Event
from aiker.calls.observing import CallIdentity
from monitoring.outcomes import outcome_of

NS = 1_000_000  # of a millisecond
Attributes = dict[str, str | int | float | bool]
Stage = tuple[str, float, float]  # name, start and end in ms after the caller's last audible sample

_ENGINE_OF = {
    "stt": "stt",
    "retrieval": "rerank",
    "llm_first_token": "llm",
    "first_clause": "llm",
    "tts_first_audio": "tts",
}


@dataclass(frozen=True, slots=True)
class SpanData:
    """A finished span; times in ns since 1970. ``parent`` 0: the call itself. ``error``: its code."""

    call: UUID
    name: str
    id: int
    parent: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    error: str = ""


@dataclass(slots=True)
class _Heard:
    """What was seen of a turn on its way, in ms since the call was answered."""

    speech_started: float
    paused: float | None = None
    committed: float | None = None
    tools: list[tuple[str, float, float, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Live:
    """A call in progress."""

    id: int
    answered_ns: int
    speech_started: float = 0.0
    heard: dict[int, _Heard] = field(default_factory=dict)
    tool_started: float = 0.0
    turns: int = 0


class CallTraces:
    """See the module. ``put`` takes each span; ``texts``: attributes may hold what was said."""

    def __init__(
        self, put: Callable[[SpanData], None], *, texts: bool, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._put = put
        self._texts = texts
        self._wall_ns = wall_ns
        self._live: dict[UUID, _Live] = {}

    def on_event(self, call: CallIdentity, event: Event, **_: Any) -> None:
        """Take an event of a call; a receiver of ``observing.call_event``."""
        if event.kind is CallEvent.CALL_STARTED:
            answered_ns = self._wall_ns() - event.at_ms * NS
            self._live[call.id] = _Live(random.getrandbits(64) | 1, answered_ns)
        elif (live := self._live.get(call.id)) and (handler := _HANDLERS.get(event.kind)):
            handler(self, call, live, event)

    def _speech_started(self, _call: CallIdentity, live: _Live, event: Event) -> None:
        # Over a reply it still has the number of the turn that is being answered.
        live.speech_started = event.at_ms

    def _paused(self, _call: CallIdentity, live: _Live, event: Event) -> None:
        self._of(live, event).paused = event.at_ms

    def _committed(self, _call: CallIdentity, live: _Live, event: Event) -> None:
        self._of(live, event).committed = event.at_ms

    def _tool_started(self, _call: CallIdentity, live: _Live, event: Event) -> None:
        live.tool_started = event.at_ms

    def _tool_finished(self, _call: CallIdentity, live: _Live, event: Event) -> None:
        error = event.data["error"]
        code = str(error["code"] if isinstance(error, dict) else error) if error else ""
        started, ended = live.tool_started, event.at_ms
        self._of(live, event).tools.append((event.data["name"], started, ended, code))

    @staticmethod
    def _of(live: _Live, event: Event) -> _Heard:
        return live.heard.setdefault(event.turn or 0, _Heard(live.speech_started))

    def _turn_finished(self, call: CallIdentity, live: _Live, event: Event) -> None:
        data, heard = event.data, live.heard.pop(event.turn or 0, None) or _Heard(live.speech_started)
        live.turns += 1
        moments = data["moments"]
        committed = event.at_ms if heard.committed is None else heard.committed
        zero = committed - moments.get("committed", 0.0)  # the end of the caller's speech
        turn_id = random.getrandbits(64) | 1

        def span(name: str, start: float, end: float, about: Attributes, code: str = "") -> None:
            start_ns = live.answered_ns + round(min(start, end) * NS)
            end_ns = live.answered_ns + round(end * NS)
            self._put(
                SpanData(call.id, name, random.getrandbits(64) | 1, turn_id, start_ns, end_ns, about, code)
            )

        shares = {share["name"]: share["ms"] for share in data["contributions"]}
        error = data["error"]
        paused = None if heard.paused is None else heard.paused - zero
        for name, start, end in stages(moments, paused):
            about: Attributes = {"aiker.stage": name}
            if name in shares:
                about["aiker.share_ms"] = shares[name]
            if served := data["routing"].get(_ENGINE_OF.get(name, "")):
                about["aiker.engine"] = served["engine"]
                about["aiker.engines_skipped"] = len(served.get("skipped") or ())
            span(name, zero + start, zero + end, about)
        for name, start, end, code in heard.tools:
            span("tool", start, end, {"aiker.tool": name}, code)
        if (audible := moments.get("audible")) is not None:
            span("reply", zero + audible, event.at_ms, {})
        start_ns = live.answered_ns + round(min(heard.speech_started, zero) * NS)
        end_ns = live.answered_ns + event.at_ms * NS
        about = self._about_turn(call, event)
        self._put(SpanData(call.id, "turn", turn_id, live.id, start_ns, end_ns, about, error.get("code", "")))

    def _about_turn(self, call: CallIdentity, event: Event) -> Attributes:
        data = event.data
        about: Attributes = {
            "aiker.assistant": call.assistant,
            "aiker.profile": call.profile,
            "aiker.turn": event.turn or 0,
            "aiker.outcome": outcome_of(data),
            "aiker.passages": len(data["passages"]),
            "aiker.barge_ins": len(data["barge_ins"]),
        }
        if data["voice_to_voice_ms"] is not None:
            about["aiker.voice_to_voice_ms"] = data["voice_to_voice_ms"]
        if version := data["retrieval"].get("version"):
            about["aiker.knowledge_version"] = version
        if error := data["error"]:
            about["aiker.error_stage"] = error["stage"]
        if self._texts:
            about["aiker.user_text"] = data["user_text"]
            about["aiker.assistant_text"] = data["assistant_text"]
            about["aiker.heard_text"] = data["heard_text"]
        return about

    def _call_ended(self, call: CallIdentity, live: _Live, event: Event) -> None:
        del self._live[call.id]
        about: Attributes = {
            "aiker.call_id": str(call.id),
            "aiker.assistant": call.assistant,
            "aiker.profile": call.profile,
            "aiker.wire": call.wire,
            "aiker.turns": live.turns,
            "aiker.end_reason": event.data["reason"],
        }
        end_ns = live.answered_ns + event.at_ms * NS
        self._put(SpanData(call.id, "call", live.id, 0, live.answered_ns, end_ns, about))


def stages(moments: Mapping[str, Any], paused: float | None) -> Iterator[Stage]:
    """Yield the steps that a turn got to; ``paused``: when the audio that was recognised was complete."""
    at = moments.get
    committed: float | None = at("committed")
    if committed is not None:
        yield "endpoint_wait", 0.0, committed
    if (transcript := at("transcript")) is None:
        return
    yield "stt", _first(paused, committed, 0.0), transcript
    ready: float = transcript
    guessed = (at("end_of_turn") or {}).get("speculative_runs")
    if committed is not None and not guessed:
        ready = max(ready, committed)  # nothing was begun before the turn was over
    if (passages := at("passages")) is not None:
        yield "retrieval", ready, passages
        ready = passages
    if (first_token := at("first_token")) is not None:
        yield "llm_first_token", ready, first_token
    if (first_clause := at("first_clause")) is not None:
        yield "first_clause", _first(first_token, ready), first_clause
    if (first_audio := at("first_audio")) is not None:
        yield "tts_first_audio", _first(first_clause, at("tool"), ready), first_audio
    if (filler := at("filler")) is not None:
        yield "filler", filler, _first(at("filler_end"), filler)
    if (audible := at("audible")) is not None and first_audio is not None:
        yield "playout", max(first_audio, committed or 0.0), audible


def _first(*moments: float | None) -> float:
    return next(moment for moment in moments if moment is not None)


_HANDLERS = {
    CallEvent.SPEECH_STARTED: CallTraces._speech_started,
    CallEvent.SPEECH_PAUSED: CallTraces._paused,
    CallEvent.TURN_COMMITTED: CallTraces._committed,
    CallEvent.TOOL_STARTED: CallTraces._tool_started,
    CallEvent.TOOL_FINISHED: CallTraces._tool_finished,
    CallEvent.TURN_FINISHED: CallTraces._turn_finished,
    CallEvent.CALL_ENDED: CallTraces._call_ended,
}
