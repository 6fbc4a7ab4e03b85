"""A caller of the Twilio wire whose line may lose, delay and repeat frames, echo, fall silent or carry a bed.

::

    async with LineCaller(url, Line(echo=Echo(180, 24))) as caller:
        await caller.reply_over(0)                 # the greeting
        said = await caller.say(pcm)               # Said, in ms of the call
        await caller.reply_over(said.end_ms)
    caller.heard(), caller.playout.clears, caller.closed_ms

One clock: 0 is when ``start`` was sent; a frame is captured when its last sample was spoken, and arrives when
the network lets it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import heapq
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from aiker.audio import g711
from aiker.audio.codecs import codec_of
from aiker.audio.g711 import Pcm
from bench.line.network import FRAME_MS, LOUD, Echo, Network, stretches
from bench.line.playout import Playout

FRAME = g711.FRAME_BYTES
LOOKS_EVERY_S = 0.02
REPLY_OVER_MS, REPLY_WITHIN_S, LONGEST_REPLY_S = 1200, 15.0, 45.0
AHEAD_MS = 600_000
"""How much of a call the network is asked about before it begins; no call of the bench is as long."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is between the caller and Aiker.

    ``bed`` is heard behind the caller again and again. ``sends`` is told (frame is of the caller's voice, ms
    since that voice ended, number of the frame), and says whether a frame is sent at all.
    """

    network: Network = field(default_factory=Network)
    echo: Echo | None = None
    bed: Pcm | None = None
    encoding: str = "audio/x-mulaw"
    sends: Callable[[bool, float, int], bool] = lambda _voiced, _since_ms, _number: True


@dataclass(frozen=True, slots=True)
class Said:
    """When what was said could be heard on the line, in ms of the call.

    ``distance_ms`` is the least that the network had delayed a frame by until then: of a line that is always
    late, no receiver can tell the lateness from a longer way.
    """

    start_ms: float
    end_ms: float
    distance_ms: float = 0.0


class LineCaller:
    """One call; see the module."""

    def __init__(self, url: str, line: Line | None = None, call_id: str = "") -> None:
        self.call_id = call_id or f"CA{uuid.uuid4().hex}"
        self.playout = Playout()
        self.frames_received = 0
        self.closed_ms: float | None = None
        self._url, self._line = url, line or Line()
        self._codec = codec_of(self._line.encoding, g711.RATE)
        self._stream = f"MZ{uuid.uuid4().hex}"
        self._speech = np.zeros(0, np.int16)
        self._frames = 0
        self._voice_ended = 0
        self._stopped = False
        self._arrives = _arrivals(self._line.network)
        self._waiting: list[tuple[float, int, str]] = []

    async def __aenter__(self) -> Self:
        self._socket: ClientConnection = await connect(
            self._url, max_size=None, open_timeout=20, close_timeout=2, compression=None
        )
        await self._socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await self._socket.send(json.dumps(self._start()))
        self._zero = asyncio.get_running_loop().time()
        self._tasks = [asyncio.create_task(work) for work in (self._speak(), self._listen())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(json.dumps({"event": "stop", "streamSid": self._stream, "stop": {}}))
        await self._socket.close()
        for task in self._tasks:
            task.cancel()
        for failed in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(failed, Exception) and not isinstance(failed, ConnectionClosed):
                raise failed

    # -- what a scene does

    @property
    def now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._zero) * 1000

    def heard(self) -> Pcm:
        """Return what was heard since the call began, int16 at 8 kHz."""
        return self.playout.heard(self._sample())

    async def say(self, pcm: Pcm) -> Said:
        """Say something, and return when it has been said."""
        start = self._frames * FRAME
        self.begin(pcm)
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD)
        first, last = start + int(loud[0]), start + int(loud[-1])
        await self.until(lambda: self._frames * FRAME > last, 120)
        arrived = (
            at[0] - (number + 1) * FRAME_MS for number, at in self._arrives.items() if number * FRAME <= last
        )
        return Said(first / 8, last / 8, min(arrived, default=0.0))

    def begin(self, pcm: Pcm) -> None:
        """Begin to say something behind what is being said."""
        self._speech = np.concatenate([self._speech, pcm])

    def stop_sending(self) -> None:
        """Send no more frames; the socket stays open."""
        self._stopped = True

    async def wait(self, ms: float) -> None:
        await self.until(lambda: False, ms / 1000)

    async def until(self, test: Callable[[], bool], seconds: float) -> bool:
        """Return True as soon as ``test`` holds; False after so long, or when the call has ended."""
        ends = self.now_ms + seconds * 1000
        while self.now_ms < ends and self.closed_ms is None:
            if test():
                return True
            await asyncio.sleep(LOOKS_EVERY_S)
        return test()

    async def reply_begins(self, after_ms: float, seconds: float = REPLY_WITHIN_S) -> bool:
        """Return whether something begins to be heard within so long."""
        return await self.until(lambda: first_sound_ms(self.heard(), after_ms) is not None, seconds)

    async def reply_over(self, after_ms: float, seconds: float = REPLY_WITHIN_S) -> bool:
        """Wait until a reply has been heard to its end; False when none begins within so long."""
        if not await self.reply_begins(after_ms, seconds):
            return False
        await self.until(self._silent, LONGEST_REPLY_S)
        return True

    async def send(self, message: str | dict[str, Any]) -> None:
        """Send a message as it is."""
        await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    def _silent(self) -> bool:
        heard = self.heard()
        return len(heard) > REPLY_OVER_MS * 8 and not np.any(
            np.abs(heard[-REPLY_OVER_MS * 8 :].astype(np.int32)) > LOUD
        )

    # -- the wire

    def _sample(self) -> int:
        return int(self.now_ms * 8)

    async def _speak(self) -> None:
        """Capture a frame each 20 ms, and send each when the network lets it arrive."""
        while True:
            captured_ms = (self._frames + 1) * FRAME_MS
            due = min(captured_ms, self._waiting[0][0] if self._waiting else captured_ms)
            await asyncio.sleep((due - self.now_ms) / 1000)
            while self._waiting and self._waiting[0][0] <= self.now_ms:
                await self._socket.send(heapq.heappop(self._waiting)[2])
            if self.now_ms >= captured_ms:
                self._capture()
                for name in self.playout.marks_played(self._sample()):
                    await self._return_mark(name)

    def _capture(self) -> None:
        number, self._frames = self._frames, self._frames + 1
        voice, self._speech = self._speech[:FRAME], self._speech[FRAME:]
        frame = np.zeros(FRAME)
        frame[: len(voice)] += voice
        start, stop = number * FRAME, (number + 1) * FRAME
        if len(voice):
            self._voice_ended = stop
        if self._line.bed is not None:
            frame += self._line.bed[np.arange(start, stop) % len(self._line.bed)]
        if self._line.echo:
            frame += self._line.echo.of(self.playout.heard(stop), start, stop)
        if not self._stopped and self._line.sends(bool(len(voice)), (stop - self._voice_ended) / 8, number):
            message = self._media(number, np.clip(np.round(frame), -32768, 32767).astype(np.int16))
            for at in self._arrives.get(number, ()):
                heapq.heappush(self._waiting, (at, number, message))

    def _media(self, number: int, pcm: Pcm) -> str:
        payload = base64.b64encode(self._codec.encode(g711.encode(pcm))).decode()
        media = {
            "track": "inbound",
            "chunk": str(number + 1),
            "timestamp": str(number * FRAME_MS),
            "payload": payload,
        }
        return json.dumps({"event": "media", "streamSid": self._stream, "media": media})

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                message, now = json.loads(text), self._sample()
                match message["event"]:
                    case "media":
                        self.frames_received += 1
                        payload = base64.b64decode(message["media"]["payload"])
                        self.playout.media(now, g711.decode(self._codec.decode(payload)))
                    case "mark":
                        self.playout.mark(now, message["mark"]["name"])
                    case "clear":
                        for name in self.playout.clear(now):
                            await self._return_mark(name)
        self.closed_ms = self.now_ms

    async def _return_mark(self, name: str) -> None:
        await self.send({"event": "mark", "streamSid": self._stream, "mark": {"name": name}})

    def _start(self) -> dict[str, Any]:
        start = {
            "streamSid": self._stream,
            "callSid": self.call_id,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": self._line.encoding, "sampleRate": g711.RATE, "channels": 1},
            "customParameters": {"caller": "bench"},
        }
        return {"event": "start", "sequenceNumber": "1", "streamSid": self._stream, "start": start}


def first_sound_ms(heard: Pcm, after_ms: float) -> float | None:
    """Return when, in ms of the call, sound begins behind ``after_ms``; None: it does not."""
    starts = (start for start, _end in stretches(heard) if start >= after_ms)
    return next(starts, None)


def _arrivals(network: Network) -> dict[int, Sequence[float]]:
    """Return when each frame arrives, in ms; a lost one never."""
    arrivals: dict[int, list[float]] = {}
    for at_ms, number in network.deliveries(AHEAD_MS // FRAME_MS):
        arrivals.setdefault(number, []).append(at_ms)
    return dict(arrivals)
