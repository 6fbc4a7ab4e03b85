"""The way out of a call: paced audio, marks and events, in one order.

::

    speaker = Speaker(wire, send, recorder, now, on_frame)
    tasks = [speaker.run_playout(), speaker.run_outbox()]
    speaker.append(segment); speaker.wake()
    await speaker.drained()
    speaker.hold()             # the caller speaks: stop at once, keep what was not heard
    speaker.resume()           # it was nothing: go on
    speaker.silence()          # it was an interruption: drop it
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiker.audio import g711
from aiker.calls.events import Event
from aiker.calls.playout import PlayQueue, Segment
from aiker.calls.recorder import Recorder
from aiker.calls.wire.base import Message, Wire

MARK_GRACE_MS = 1500  # a mark that does not come back by then is given up


class Speaker:
    """See the module. ``now`` is ms since the call was answered; ``on_frame`` runs after each frame sent."""

    def __init__(
        self,
        wire: Wire,
        send: Callable[[Message], Awaitable[None]],
        recorder: Recorder,
        now: Callable[[], float],
        on_frame: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._send = send
        self._recorder = recorder
        self._now = now
        self._on_frame = on_frame
        self._queue = PlayQueue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._news = asyncio.Event()

    def append(self, segment: Segment) -> None:
        """Queue a segment; ``wake`` whenever it has more audio."""
        self._queue.append(segment)

    def put_first(self, segment: Segment) -> None:
        """Queue a segment before those of which nothing was sent yet."""
        self._queue.put_first(segment)

    def wake(self) -> None:
        self._news.set()

    def reached(self, mark: str) -> None:
        self._queue.reached(mark, self._now())

    def show(self, event: Event) -> None:
        """Send an event to a peer that wants to see it."""
        message = self._wire.event(event)
        if message is not None:
            self._outbox.put_nowait(message)

    def silence(self) -> None:
        """Stop speaking: nothing that is not yet played will be."""
        self._recorder.cut(self._queue.clear(self._now()))
        self._outbox.put_nowait(self._wire.clear())

    def forget(self) -> None:
        """Let go of all audio, see ``Recorder.forget``; nothing more is said."""
        self._queue.clear(self._now())

    def hold(self) -> None:
        """Stop speaking at once, but keep what the caller did not hear."""
        self._recorder.cut(self._queue.hold(self._now()))
        self._outbox.put_nowait(self._wire.clear())

    def resume(self) -> None:
        """Go on with what ``hold`` kept."""
        self._queue.resume()
        self.wake()

    @property
    def busy(self) -> bool:
        """Whether the caller hears something, or will without anything more being queued."""
        return self._queue.audible(self._now()) or not self._queue.empty

    @property
    def audible(self) -> bool:
        return self._queue.audible(self._now())

    async def drained(self) -> None:
        """Return when everything queued was played, or thrown away."""
        # Polled at the frame rate: time passing ends it as well as marks do.
        while not self._queue.played(self._now(), MARK_GRACE_MS):  # noqa: ASYNC110
            await asyncio.sleep(g711.FRAME_MS / 1000)

    async def run_playout(self) -> None:
        """Hand frames to the outbox when they are due, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            now = self._now()
            while (frame := self._queue.take(now)) is not None:
                self._outbox.put_nowait(self._wire.audio(frame.payload))
                self._recorder.say(frame.payload, frame.plays_at)
                if frame.mark:
                    self._outbox.put_nowait(self._wire.mark(frame.mark))
                self._on_frame()
            self._news.clear()
            wait_s = (self._queue.next_due(now) - now) / 1000
            # Not asyncio.timeout, which cancels and raises at every frame and costs more than the frame does.
            due = loop.call_later(wait_s, self._news.set) if wait_s > 0 else None
            await self._news.wait()
            if due:
                due.cancel()

    async def run_outbox(self) -> None:
        """Send what is in the outbox, until the peer is gone."""
        try:
            while True:
                await self._send(await self._outbox.get())
        except OSError:
            return  # the disconnect is on its way and will end the call

    async def flush(self) -> None:
        """Send what is still in the outbox."""
        while not self._outbox.empty():
            await self._send(self._outbox.get_nowait())
