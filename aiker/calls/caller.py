"""A caller for tests and benchmarks: speaks Twilio Media Streams at the pace of a telephone.

::

    caller = Caller(url, [Line(pcm, "几点开门？")])
    report = await caller.call()
    report.turns[0].voice_to_voice_ms

Voice-to-voice is measured from the audio alone: both directions are kept on
one clock, and the gap runs from the last audible sample that was sent to the
first audible one that was played.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection, connect

from aiker.audio import g711
from aiker.audio.g711 import Pcm
from aiker.audio.levels import first_loud_sample, last_loud_sample, longest_pause_ms
from aiker.audio.wav import wav_bytes

FRAME_S = g711.FRAME_MS / 1000
REPLY_OVER_MS = 1200  # silence after a reply that hands the turn to the caller
GREETING_MS = 6000  # how long to wait for a greeting to begin
REPLY_TIMEOUT_MS = 30_000


class CallError(Exception):
    """The call could not be placed or was cut; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the caller says in one turn; ``barge_in_ms`` cuts into the reply before it by so much."""

    pcm: Pcm
    text: str = ""
    barge_in_ms: int | None = None


@dataclass(slots=True)
class TurnReport:
    """One exchange, in ms of the caller's clock."""

    text: str
    spoke_from_ms: float = 0.0
    spoke_until_ms: float = 0.0
    heard_from_ms: float | None = None
    longest_pause_ms: int | None = None  # within the reply
    # barge-in: from its first audible sample to the last of the old reply
    stopped_after_ms: int | None = None

    @property
    def voice_to_voice_ms(self) -> int | None:
        return None if self.heard_from_ms is None else round(self.heard_from_ms - self.spoke_until_ms)


@dataclass(frozen=True, slots=True)
class Played:
    """Where the caller's playing stood when a mark was reached, or what was left was cleared (no name).

    ``at_ms`` is the caller's clock, ``media_ms`` how much of what the far end sent was played until then.
    """

    name: str
    at_ms: float
    media_ms: float


@dataclass(slots=True)
class CallReport:
    carrier_call_id: str
    turns: list[TurnReport] = field(default_factory=list)
    sent: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    received: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    played: list[Played] = field(default_factory=list)
    ended: str = ""  # why the far end closed, when it did

    @property
    def answered(self) -> bool:
        return bool(self.turns) and all(turn.heard_from_ms is not None for turn in self.turns)

    def wav(self) -> bytes:
        """Return both directions, the caller on the left."""
        return wav_bytes(g711.RATE, self.sent, self.received)


class Caller:
    """Places one call; see the module."""

    def __init__(
        self,
        url: str,
        lines: list[Line],
        after_line: Callable[[int], None] = lambda _line: None,
        *,
        reply_over_ms: int = REPLY_OVER_MS,
        last_reply_ms: int = REPLY_TIMEOUT_MS,
    ) -> None:
        """``after_line`` is called with 0, 1, ... when a line was spoken.

        ``reply_over_ms`` of silence behind a reply hand the turn to the caller, who hangs up when
        nothing is said within ``last_reply_ms`` of the last line.
        """
        self.report = CallReport(carrier_call_id=f"CA{uuid.uuid4().hex}")
        self._url = url
        self._lines = lines
        self._after_line = after_line
        self._over_ms = reply_over_ms
        self._last_reply_ms = last_reply_ms
        self._stream = f"MZ{uuid.uuid4().hex}"
        self._sent = bytearray()
        self._played = bytearray()
        self._media = 0  # bytes of what was sent to us that are played
        self._buffer: list[bytes | str] = []  # audio and marks waiting to be played
        self._closed = asyncio.Event()

    async def call(self) -> CallReport:
        """Place the call, take every turn, hang up; CallError when it is refused."""
        try:
            async with connect(self._url, max_size=None, open_timeout=20) as socket:
                await self._talk(socket)
        except websockets.InvalidStatus as exc:
            raise CallError(
                f"the call was refused with HTTP {exc.response.status_code}: is the token valid?"
            ) from exc
        except (OSError, TimeoutError) as exc:
            raise CallError(f"{self._url.split('?')[0]} cannot be reached: {exc}") from exc
        except websockets.ConnectionClosed as exc:
            self.report.ended = f"{exc.rcvd.code if exc.rcvd else 'lost'}"
        self.report.sent = g711.decode(bytes(self._sent))
        self.report.received = g711.decode(bytes(self._played))
        self._measure_pauses()
        return self.report

    def _measure_pauses(self) -> None:
        turns = self.report.turns
        ends = [turn.spoke_from_ms for turn in turns[1:]] + [len(self._played) / 8]
        for turn, end_ms in zip(turns, ends, strict=True):
            if turn.heard_from_ms is not None:
                reply = self.report.received[round(turn.heard_from_ms * 8) : round(end_ms * 8)]
                turn.longest_pause_ms = longest_pause_ms(reply)

    async def _talk(self, socket: ClientConnection) -> None:
        listener = asyncio.create_task(self._listen(socket))
        try:
            await socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
            await socket.send(json.dumps(self._start_message()))
            self._zero = asyncio.get_running_loop().time()
            await self._pace(socket, self._reply_over(GREETING_MS))
            for line in self._lines:
                await self._take_turn(socket, line)
            await self._pace(socket, self._reply_over(self._last_reply_ms))
            await socket.send(json.dumps({"event": "stop", "streamSid": self._stream, "stop": {}}))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), 5)
        finally:
            listener.cancel()

    async def _take_turn(self, socket: ClientConnection, line: Line) -> None:
        """Wait for the moment to speak, and speak."""
        cuts_in = line.barge_in_ms is not None and bool(self.report.turns)
        if cuts_in:
            await self._pace(socket, self._reply_playing_for(line.barge_in_ms or 0))
        elif self.report.turns:
            await self._pace(socket, self._reply_over(REPLY_TIMEOUT_MS))
        turn, speech, began = TurnReport(line.text), g711.encode(line.pcm), len(self._sent)
        await self._pace(socket, lambda: len(self._sent) - began >= len(speech), speech)
        last = last_loud_sample(line.pcm) or len(line.pcm)
        turn.spoke_from_ms, turn.spoke_until_ms = began / 8, (began + last) / 8
        if cuts_in:
            turn.stopped_after_ms = self._stopped_after(began + (first_loud_sample(line.pcm) or 0))
        self.report.turns.append(turn)
        self._after_line(len(self.report.turns) - 1)

    def _stopped_after(self, onset: int) -> int:
        """Return for how many ms behind ``onset`` the reply was audible; behind its end comes another."""
        cleared = [played.at_ms for played in self.report.played if not played.name]
        until = round(cleared[-1] * 8) if cleared else len(self._played)
        old = g711.decode(bytes(self._played[onset : max(onset, until)]))
        return round((last_loud_sample(old) or 0) / 8)

    def _reply_playing_for(self, ms: int) -> Callable[[], bool]:
        """Return a test for: the reply has been audible for ``ms``, or never began."""
        began = len(self._sent)

        def playing() -> bool:
            if self._heard_since_turn() is None:
                return len(self._sent) - began > REPLY_TIMEOUT_MS * 8
            return len(self._played) / 8 - self._first_heard() >= ms

        return playing

    def _heard_since_turn(self) -> int | None:
        start = round(self.report.turns[-1].spoke_until_ms * 8) if self.report.turns else 0
        first = first_loud_sample(g711.decode(bytes(self._played[start:])))
        return None if first is None else start + first

    def _first_heard(self) -> float:
        first = self._heard_since_turn()
        if first is not None and self.report.turns and self.report.turns[-1].heard_from_ms is None:
            self.report.turns[-1].heard_from_ms = first / 8
        return 0.0 if first is None else first / 8

    def _reply_over(self, timeout_ms: int) -> Callable[[], bool]:
        """Return a test for: the reply began and has been silent for long enough, or never began."""
        began = len(self._sent)

        def over() -> bool:
            if (len(self._sent) - began) % (10 * g711.FRAME_BYTES):
                return False  # levels are looked at five times a second
            if self._heard_since_turn() is None:
                return len(self._sent) - began > timeout_ms * 8
            self._first_heard()
            tail = g711.decode(bytes(self._played[-self._over_ms * 8 :]))
            return len(tail) >= self._over_ms * 8 and last_loud_sample(tail) is None and not self._buffer

        return over

    async def _pace(self, socket: ClientConnection, done: Callable[[], bool], speech: bytes = b"") -> None:
        """Send 20 ms at a time, as a telephone does, until ``done()``."""
        offset = 0
        while not done():
            frame = speech[offset : offset + g711.FRAME_BYTES].ljust(g711.FRAME_BYTES, g711.SILENCE)
            offset += g711.FRAME_BYTES
            self._sent += frame
            # A frame leaves when its last sample was spoken.
            due = self._zero + len(self._sent) / g711.RATE
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._play(socket)
            await socket.send(self._media_message(frame))

    async def _play(self, socket: ClientConnection) -> None:
        """Play 20 ms of what arrived; marks go back when they are reached."""
        frame = b""
        while self._buffer and len(frame) < g711.FRAME_BYTES:
            item = self._buffer[0]
            if isinstance(item, str):
                self._buffer.pop(0)
                await self._reach(socket, item, len(frame))
                continue
            take = g711.FRAME_BYTES - len(frame)
            frame += item[:take]
            self._media += len(item[:take])
            if len(item) > take:
                self._buffer[0] = item[take:]
            else:
                self._buffer.pop(0)
        while self._buffer and isinstance(self._buffer[0], str):
            await self._reach(socket, str(self._buffer.pop(0)), len(frame))
        self._played += frame.ljust(g711.FRAME_BYTES, g711.SILENCE)

    async def _reach(self, socket: ClientConnection, mark: str, into_frame: int) -> None:
        self._note(mark, into_frame)
        await self._return_mark(socket, mark)

    def _note(self, mark: str, into_frame: int = 0) -> None:
        self.report.played.append(Played(mark, (len(self._played) + into_frame) / 8, self._media / 8))

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in socket:
                await self._take_message(socket, json.loads(text))
        self._closed.set()

    async def _take_message(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        match message["event"]:
            case "media":
                self._buffer.append(base64.b64decode(message["media"]["payload"]))
            case "mark":
                self._buffer.append(message["mark"]["name"])
            case "clear":
                marks = [item for item in self._buffer if isinstance(item, str)]
                self._buffer.clear()
                self._note("")
                for name in marks:
                    await self._return_mark(socket, name)

    async def _return_mark(self, socket: ClientConnection, name: str) -> None:
        await socket.send(json.dumps({"event": "mark", "streamSid": self._stream, "mark": {"name": name}}))

    def _start_message(self) -> dict[str, Any]:
        return {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": self._stream,
            "start": {
                "streamSid": self._stream,
                "callSid": self.report.carrier_call_id,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"caller": "test"},
            },
        }

    def _media_message(self, frame: bytes) -> str:
        payload = base64.b64encode(frame).decode()
        media = {
            "track": "inbound",
            "timestamp": str(len(self._sent) // 8 - g711.FRAME_MS),
            "payload": payload,
        }
        return json.dumps({"event": "media", "streamSid": self._stream, "media": media})
