"""Many callers in one process, so light that what they measure is the server.

::

    spec = Spec(url, speech, lanes=[["talk", "talk"], ["barge_in"]], begin=[0.0, 0.4], seconds=30)
    found = Callers(spec, [1]).finished()      # a process of its own: ``python -m bench.light_callers``

``aiker.calls.caller`` looks at levels while it talks, which costs more than the server does; here a call
keeps when each message came; all is worked out behind it. The WebSocket is the ``websockets`` library
without its connection handling. Times are seconds of the event loop's clock, which processes of a machine
share; reports are in ms.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.calls.playout import LEAD_MS

FRAME_S = g711.FRAME_MS / 1000
QUIET_S = 0.8  # after a reply: the caller's turn
NO_REPLY_S = 15.0
NEW_RUN_S = 0.5  # between frames: another reply
SILENCE = base64.b64encode(g711.SILENCE * g711.FRAME_BYTES).decode()


@dataclass(frozen=True)
class Spec:
    """Who calls: each lane places its kinds of call one after the other, over and over, for ``seconds``."""

    url: str
    speech: str  # mu-law in base64
    lanes: list[list[str]]
    begin: list[float]  # when each lane starts, seconds from now
    seconds: float
    turns: int = 1000  # at most, in one call


@dataclass
class Report:
    """What one call saw. ``late`` is of each frame in ms; ``excused`` how late its caller was just then."""

    kind: str
    code: int | None = None
    voice_to_voice: list[float] = field(default_factory=list)
    unanswered: int = 0
    stopped: list[float] = field(default_factory=list)  # barge-in: speech to ``clear``
    late: list[float] = field(default_factory=list)
    excused: list[float] = field(default_factory=list)


class Lags:
    """How late this process was at each of its own timers."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.ms: list[float] = []

    def note(self, due: float, now: float) -> None:
        self.at.append(now)
        self.ms.append((now - due) * 1000)

    def around(self, moment: float) -> float:
        """Return the longest lag within a frame's length of ``moment``."""
        first, last = bisect_left(self.at, moment - FRAME_S), bisect_left(self.at, moment + FRAME_S)
        return max(self.ms[first:last], default=0.0)


def lateness(arrivals: list[float]) -> list[float]:
    """Return by how many ms each frame came after its time; a pause of ``NEW_RUN_S`` begins another reply.

    The server sends ``LEAD_MS`` of a reply at once and the rest as it is played. The frame of a reply that
    travelled fastest tells when it began, so that the way itself does not count.
    """
    late: list[float] = []
    runs: list[list[float]] = []
    for arrival in arrivals:
        if not runs or arrival - runs[-1][-1] > NEW_RUN_S:
            runs.append([])
        runs[-1].append(arrival)
    for run in runs:
        planned = [max(0.0, index * FRAME_S - LEAD_MS / 1000) for index in range(len(run))]
        began = min(arrival - plan for arrival, plan in zip(run, planned, strict=True))
        late += [(arrival - plan - began) * 1000 for arrival, plan in zip(run, planned, strict=True)]
    return late


class LightCall(asyncio.Protocol):
    """One call over the Twilio wire."""

    def __init__(self, spec: Spec, kind: str, lags: Lags) -> None:
        self.report = Report(kind)
        self._spec = spec
        self._lags = lags
        self._speech = base64.b64decode(spec.speech)
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(parse_uri(spec.url), max_size=None)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._stream = f"MZ{random.getrandbits(64):016x}"
        self._frames = 0
        self._buffer: deque[bytes | str] = deque()  # frames and marks that are not played yet
        self._media: list[tuple[float, bytes]] = []
        self._cleared: list[float] = []
        self._gone = False

    # -- socket ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                if self._protocol.handshake_exc is None:
                    self._opened.set_result(None)
                else:
                    self._opened.set_exception(self._protocol.handshake_exc)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._take(now, orjson.loads(event.data))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._gone = True
        self._protocol.receive_eof()
        self.report.code = self._protocol.close_code if self._protocol.state is State.CLOSED else None
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("lost before it was open"))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _send(self, message: str) -> None:
        if self._gone or self._protocol.state is not State.OPEN:
            return
        self._protocol.send_text(message.encode())
        self._flush()

    def _take(self, now: float, message: dict[str, Any]) -> None:
        match message["event"]:
            case "media":
                frame = base64.b64decode(message["media"]["payload"])
                self._media.append((now, frame))
                self._buffer.append(frame)
            case "mark":
                self._buffer.append(message["mark"]["name"])
            case "clear":
                self._cleared.append(now)
                marks = [item for item in self._buffer if isinstance(item, str)]
                self._buffer.clear()
                for name in marks:
                    self._mark(name)

    # -- telephone --------------------------------------------------------------

    def _mark(self, name: str) -> None:
        self._send(
            orjson.dumps({"event": "mark", "streamSid": self._stream, "mark": {"name": name}}).decode()
        )

    async def _frame(self, payload: str = SILENCE) -> None:
        """Let 20 ms go by: say ``payload``, play what is there."""
        if self._gone:
            raise ConnectionError
        self._frames += 1
        due = self._zero + self._frames * FRAME_S
        await asyncio.sleep(due - self._loop.time())
        self._lags.note(due, self._loop.time())
        played = False
        while self._buffer and not (played and isinstance(self._buffer[0], bytes)):
            item = self._buffer.popleft()
            if isinstance(item, str):
                self._mark(item)
            else:
                played = True
        number = self._frames
        self._send(
            f'{{"event":"media","sequenceNumber":"{number}","streamSid":"{self._stream}","media":{{'
            f'"track":"inbound","chunk":"{number}","timestamp":"{number * 20}","payload":"{payload}"}}}}'
        )

    async def _say(self) -> float:
        """Speak; return the moment at which the last audible sample was spoken."""
        began = self._zero + self._frames * FRAME_S
        for at in range(0, len(self._speech), g711.FRAME_BYTES):
            frame = self._speech[at : at + g711.FRAME_BYTES].ljust(g711.FRAME_BYTES, g711.SILENCE)
            await self._frame(base64.b64encode(frame).decode())
        last = last_loud_sample(g711.decode(self._speech)) or 0
        return began + last / g711.RATE

    async def _reply_begins(self, heard_before: int) -> bool:
        began = self._loop.time()
        while len(self._media) == heard_before:
            if self._loop.time() - began > NO_REPLY_S:
                return False
            await self._frame()
        return True

    async def _reply_is_over(self) -> None:
        while self._buffer or self._loop.time() - self._media[-1][0] < QUIET_S:
            await self._frame()

    # -- kinds of call ----------------------------------------------------------

    async def run(self, until: float) -> None:
        """Place the call; it ends by itself behind ``until`` or its turns."""
        await self._opened
        self._zero = self._loop.time()
        with contextlib.suppress(ConnectionError):
            self._start()
            await _KINDS[self.report.kind](self, until)
        self._measure()

    def _start(self) -> None:
        format_ = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"callSid": f"CA{self._stream}", "streamSid": self._stream, "mediaFormat": format_}
        self._send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        self._send(json.dumps({"event": "start", "streamSid": self._stream, "start": start}))

    async def _talk(self, until: float) -> None:
        """Listen to the greeting, then ask and listen until it is time to hang up."""
        if await self._reply_begins(0):
            await self._reply_is_over()
        for _ in range(self._spec.turns):
            if self._loop.time() > until:
                break
            await self._ask()
            if len(self._media):
                await self._reply_is_over()
        await self._hang_up()

    async def _ask(self) -> None:
        spoken = await self._say()
        before = len(self._media)
        if not await self._reply_begins(before):
            self.report.unanswered += 1
            return
        arrived, frame = self._media[before]
        heard = arrived + (first_loud_sample(g711.decode(frame)) or 0) / g711.RATE
        self.report.voice_to_voice.append((heard - spoken) * 1000)

    async def _barge_in(self, until: float) -> None:  # noqa: ARG002
        """Cut into two replies, at different moments, then listen to the third."""
        await self._reply_begins(0)
        await self._reply_is_over()
        await self._ask()
        for frames in (20, 60):
            for _ in range(frames):
                await self._frame()
            began, before = self._loop.time(), len(self._cleared)
            await self._say()
            if len(self._cleared) > before:
                self.report.stopped.append((self._cleared[before] - began) * 1000)
            await self._reply_begins(len(self._media))
        await self._reply_is_over()
        await self._hang_up()

    async def _hang_up_in_greeting(self, until: float) -> None:  # noqa: ARG002
        await self._reply_begins(0)
        for _ in range(10):
            await self._frame()
        await self._hang_up()

    async def _break_off(self, until: float) -> None:  # noqa: ARG002
        """Be cut off without a word while the reply is spoken."""
        await self._reply_begins(0)
        await self._reply_is_over()
        await self._ask()
        for _ in range(15):
            await self._frame()
        self._transport.abort()

    async def _garbage(self, until: float) -> None:  # noqa: ARG002
        """Send what is to be ignored, then what nobody can read, in the middle of a question."""
        await self._reply_begins(0)
        for _ in range(25):
            await self._frame()
        for message in ('{"event":"dance"}', '{"event":"mark","mark":{"name":7}}', "{}"):
            self._send(message)
        await self._say()
        self._send('{"event":"media"')
        for _ in range(250):
            await self._frame()

    async def _hang_up(self) -> None:
        self._send(json.dumps({"event": "stop", "streamSid": self._stream, "stop": {}}))
        for _ in range(250):
            await self._frame()  # the server closes

    def _measure(self) -> None:
        arrivals = [moment for moment, _ in self._media]
        self.report.late = lateness(arrivals)
        self.report.excused = [
            round(self._lags.around(arrival), 1) if late > g711.FRAME_MS else 0.0
            for arrival, late in zip(arrivals, self.report.late, strict=True)
        ]


_KINDS: dict[str, Callable[[LightCall, float], Awaitable[None]]] = {
    "talk": LightCall._talk,
    "barge_in": LightCall._barge_in,
    "hang_up_in_greeting": LightCall._hang_up_in_greeting,
    "break_off": LightCall._break_off,
    "garbage": LightCall._garbage,
}


async def _call(spec: Spec, kind: str, lags: Lags, until: float) -> Report:
    address = urlsplit(spec.url)
    assert address.hostname
    assert address.port
    call = LightCall(spec, kind, lags)
    try:
        await asyncio.get_running_loop().create_connection(lambda: call, address.hostname, address.port)
        await call.run(until)
    except Exception as exc:
        raise RuntimeError(f"a {kind} call could not be placed: {exc}") from exc
    return call.report


async def _all(spec: Spec) -> dict[str, Any]:
    lags, reports = Lags(), list[Report]()
    until = asyncio.get_running_loop().time() + spec.seconds

    async def lane(kinds: list[str], begin: float) -> None:
        await asyncio.sleep(begin)
        for kind in itertools.cycle(kinds):
            reports.append(await _call(spec, kind, lags, until))
            if asyncio.get_running_loop().time() > until:
                return

    before = time.process_time()
    await asyncio.gather(*map(lane, spec.lanes, spec.begin))
    used = time.process_time() - before
    return {"calls": [asdict(report) for report in reports], "lags": lags.ms, "cpu_s": used}


class Callers:
    """Callers in a process of their own, on these cores."""

    def __init__(self, spec: Spec, affinity: list[int]) -> None:
        command = [sys.executable, "-m", "bench.light_callers", ",".join(map(str, affinity))]
        self._report = tempfile.TemporaryFile("w+")  # noqa: SIM115  (a pipe would have to be read meanwhile)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._report, text=True)
        self.pid = self._process.pid
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(spec)))
        self._process.stdin.close()

    @property
    def calling(self) -> bool:
        return self._process.poll() is None

    def finished(self) -> dict[str, Any]:
        """Return what they saw, when they have hung up: ``calls``, ``lags``, ``cpu_s``."""
        with self._report:
            if status := self._process.wait():
                raise RuntimeError(f"the callers ended with status {status}")
            self._report.seek(0)
            found: dict[str, Any] = json.load(self._report)
        return found


def main() -> None:
    import psutil

    psutil.Process().cpu_affinity([int(core) for core in sys.argv[1].split(",")])
    gc.disable()  # a look for garbage would make every caller late
    spec = Spec(**json.loads(sys.stdin.read()))
    print(json.dumps(asyncio.run(_all(spec))))


if __name__ == "__main__":
    main()
