"""A call with a scripted clock and stand-ins for what hears, thinks and speaks.

The session, the turn taking, the playout, the wire and the records are the
real ones. Time does not pass: the event loop jumps to its next timer.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from dataclasses import dataclass, field, replace
from typing import Any

from aiker.audio import g711
from aiker.calls import records
from aiker.calls.engines import CallEngines
from aiker.calls.models import EndReason
from aiker.calls.plan import CallPlan
from aiker.calls.session import CallSession
from aiker.calls.tools.http import Send, send
from aiker.calls.vad import WINDOW_MS
from aiker.calls.wire.base import CallStarted, Message
from aiker.calls.wire.softphone import SoftphoneWire
from engines.adapters.client import Note
from engines.adapters.llm_adapter import ToolCall
from engines.errors import EngineError
from engines.routing import Served

PATIENCE_S = 10
TONE_MS = 200  # what the stand-in voice makes of a character
LOUD = b"\x10"


class _JumpingSelector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class ScriptedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run ``scenario`` on a scripted clock."""
    with asyncio.Runner(loop_factory=ScriptedLoop) as runner:
        runner.run(scenario())  # type: ignore[arg-type]
    # A scripted second is over before the thread that stores a call has run: nobody may find it half stored.
    threads = records._database._max_workers
    together = threading.Barrier(threads)
    list(records._database.map(lambda _: together.wait(PATIENCE_S), range(threads)))


@dataclass
class StandInEngines:
    """Answers by script; an EngineError in place of an answer is raised."""

    hears: list[str | EngineError] = field(default_factory=list)
    answers: list[str | ToolCall | EngineError] = field(default_factory=list)
    prompts: list[list[Any]] = field(default_factory=list)
    model: str = "stand-in"
    voice: str = "stand-in"
    speed: float = 1.0
    voice_fails: bool = False
    knowledge: Any = None
    begin_call: Any = None
    not_cached: Container[str] = ()
    send_tool: Send = send
    thinks_s: float = 0.1
    recognition_s: float = 0.2
    sounds_finished: float | None = None  # what the audio turn model says of every pause

    async def transcribe(self, _mulaw: bytes, note: Note, _expected: str = "") -> str:
        await asyncio.sleep(self.recognition_s)
        note(Served("stt", "stand-in"))
        return _or_raise(self.hears.pop(0))

    async def stream(self, given: Any, note: Note) -> AsyncIterator[Any]:
        note(Served("tts" if isinstance(given, str) else "llm", "stand-in"))
        if isinstance(given, str):
            async for piece in self._speak(given):
                yield piece
            return
        self.prompts.append(given)
        await asyncio.sleep(self.thinks_s)
        answer = _or_raise(self.answers.pop(0))
        for item in [answer] if isinstance(answer, ToolCall) else answer:
            yield item
            await asyncio.sleep(0.01)

    def converse(self, given: Any, _tools: Any, note: Note) -> AsyncIterator[Any]:
        return self.stream(given, note)

    def slower(self) -> Any:
        return replace(self, speed=self.speed * 0.8)

    async def _speak(self, text: str) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.1)
        if self.voice_fails:
            raise EngineError("tts", "unreachable", "stand-in")
        yield LOUD * round(len(text) * TONE_MS * 8 / self.speed)

    async def prime(self, _messages: list[Any], _tools: Any) -> None:
        return

    # -- as the phrase cache
    async def fetch(self, _tts: Any, text: str) -> bytes | None:
        return None if text in self.not_cached else LOUD * len(text) * TONE_MS * 8

    def load(self, _tts: Any, _texts: Any) -> None:
        return

    # -- as the audio turn model
    def ask(
        self, _mulaw: bytes, loop: asyncio.AbstractEventLoop, on_answer: Callable[[float | None], None]
    ) -> None:
        loop.call_later(0.05, on_answer, self.sounds_finished)

    # -- as the VAD
    def open(self, _loop: Any, on_window: Callable[[float, float], None]) -> StandInEngines:
        self.on_window = on_window
        return self

    def feed(self, _mulaw: bytes) -> None:
        return

    def close(self) -> None:
        return


def call_engines(engines: StandInEngines, vad: Any = None) -> CallEngines:
    """Return the engines of a call, all of them by script but for what ``vad`` listens with."""
    stand_in: Any = engines
    return CallEngines(
        vad=vad or stand_in,
        stt=stand_in,
        llm=stand_in,
        tts=stand_in,
        knowledge=engines.knowledge,
        phrases=stand_in,
        send_tool=engines.send_tool,
        turn_model=stand_in,
        begin_call=engines.begin_call,
    )


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, EngineError):
        raise answer
    return answer


class ScriptedCall:
    """A live call: ``await call.speaks(1.0)``, ``await call.waits(2.0)``, then look at ``call.events``."""

    def __init__(self, plan: CallPlan, engines: StandInEngines, vad: Any = None) -> None:
        everything = call_engines(engines, vad)
        self.engines = engines
        self.sent: list[Message] = []
        self.closed: int | None = None
        self._audio_ms = 0.0
        self._loop = asyncio.get_running_loop()
        self.session = CallSession(plan, everything, SoftphoneWire(), self._send, self._close)
        self.session.start(CallStarted())

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if isinstance(message, str) and '"event": "mark"' in message:
            self.session.receive(text=message)  # played at once, for all this far end knows

    async def _close(self, code: int) -> None:
        self.closed = code

    async def speaks(self, seconds: float) -> None:
        await self._windows(seconds, 0.95, LOUD)

    async def waits(self, seconds: float) -> None:
        await self._windows(seconds, 0.02, g711.SILENCE)

    async def plays(self, mulaw: bytes) -> None:
        """Send real audio, for a call whose ``vad`` listens itself."""
        for start in range(0, len(mulaw), 160):
            await asyncio.sleep(0.02)
            self.session.receive(data=mulaw[start : start + 160])

    async def _windows(self, seconds: float, probability: float, sample: bytes) -> None:
        for _ in range(round(seconds * 1000 / WINDOW_MS)):
            await self.hears(sample * 256, probability)

    async def hears(self, window: bytes, probability: float) -> None:
        """Send a window of the caller's audio, and what the detector says of it."""
        await asyncio.sleep(WINDOW_MS / 1000)
        self.session.receive(data=window)
        self.engines.on_window(self._audio_ms, probability)
        self._audio_ms += WINDOW_MS

    def presses(self, keys: str) -> None:
        for key in keys:
            self.session.receive(text=json.dumps({"event": "dtmf", "digit": key}))

    async def hangs_up(self) -> None:
        await self.session.finish(EndReason.HUNG_UP, 1000)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(m) for m in self.sent if isinstance(m, str) and "at_ms" in m]

    def all(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]
