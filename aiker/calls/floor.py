"""Who has the floor while the assistant speaks: stop at once, then find out whether that was right.

::

    floor = Floor(speaker, recorder, near_end, turns, stt, emit, now, spawn, on_interrupted)
    floor.stop(decision, reply)          # speech during the reply: it is held
    floor.take(decision)                 # True while held: what turn taking decides waits for the verdict
    floor.window(32, probability)
    # on_interrupted(hold) when the caller wants to speak; otherwise the reply goes on by itself

Each barge-in that was judged is kept with the turn it was into, see ``Reply.barge_ins``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiker.calls.backchannel import HINT, asks
from aiker.calls.barge_in import Act, BargeInSettings
from aiker.calls.events import CallEvent, Emit
from aiker.calls.hold import Hold
from aiker.calls.near_end import NearEnd
from aiker.calls.playout import Segment
from aiker.calls.recorder import Recorder
from aiker.calls.reply import Reply
from aiker.calls.speaker import Speaker
from aiker.calls.turn_taking import Decision, TurnTaking
from engines.adapters.client import Note
from engines.adapters.stt_adapter import STTAdapter

PREROLL_MS = 200  # audio before the detected start that recognition gets to hear
ANSWER_MS = 1500  # how long after a question a yes still answers it


class Floor:
    """See the module."""

    def __init__(
        self,
        speaker: Speaker,
        recorder: Recorder,
        near_end: NearEnd,
        turns: TurnTaking,
        stt: STTAdapter,
        emit: Emit,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_interrupted: Callable[[Hold], None],
    ) -> None:
        self._speaker = speaker
        self._recorder = recorder
        self._near_end = near_end
        self._turns = turns
        self._stt = stt
        self._emit = emit
        self._now = now
        self._spawn = spawn
        self._on_interrupted = on_interrupted
        self._hold: Hold | None = None
        self._reply: Reply | None = None
        self._record: dict[str, Any] = {}

    def stop(self, decision: Decision, reply: Reply | None) -> None:
        """Hold what is being said, ``reply`` or a fixed sentence: the caller began to speak."""
        now = self._now()
        self._speaker.hold()
        began = self._recorder.speech_start(decision.speech_start_ms - PREROLL_MS, decision.at_ms)
        self._record = {"at_ms": round(began), "stop_ms": round(now - began)}
        self._reply = reply
        self._hold = Hold(
            decision,
            BargeInSettings(),
            question=reply is not None and asking(reply.spoken.segments, now),
            recognise=self._recognise,
            spawn=self._spawn,
            on_verdict=self._on_verdict,
        )
        self._show(CallEvent.REPLY_HELD, reply, stop_ms=self._record["stop_ms"])

    def take(self, decision: Decision) -> bool:
        """Keep a decision of turn taking for later; False when nothing is held."""
        if self._hold is None:
            return False
        self._hold.take(decision)
        return True

    def window(self, window_ms: float, probability: float) -> None:
        """Take the next window of the caller's audio."""
        if self._hold:
            self._hold.window(window_ms, probability)

    def release(self) -> None:
        """Stop asking: what was held is being dropped for another reason."""
        if self._hold:
            self._hold.close()
            self._hold = self._reply = None

    async def _recognise(self, start_ms: float, end_ms: float, note: Note) -> str:
        return await self._stt.transcribe(self._near_end.audio(start_ms - PREROLL_MS, end_ms), note, HINT)

    def _on_verdict(self, hold: Hold, verdict: Act) -> None:
        reply = self._reply
        self._hold = self._reply = None
        held_ms = round(self._now() - self._record["at_ms"] - self._record["stop_ms"])
        self._record |= {"held_ms": held_ms, "outcome": hold.outcome, "said": hold.said}
        if reply:
            reply.barge_ins.append(self._record)
        if verdict is Act.INTERRUPT:
            self._on_interrupted(hold)
            return
        hold.close()
        self._turns.forget()
        self._speaker.resume()
        self._show(CallEvent.REPLY_RESUMED, reply, held_ms=held_ms, outcome=hold.outcome, said=hold.said)

    def _show(self, kind: CallEvent, reply: Reply | None, **data: Any) -> None:
        self._emit(kind, reply.number if reply else None, **data)


def asking(segments: list[Segment], now_ms: float) -> bool:
    """Whether the clause that is being heard ends a question, or one that did so a moment ago."""
    asked = False
    for segment in segments:
        played = segment.played_samples(now_ms)
        if not played:
            break
        last = max(run.at_ms + run.samples / 8 for run in segment.runs)
        asked = asks(segment.text) and now_ms - last < ANSWER_MS
    return asked
