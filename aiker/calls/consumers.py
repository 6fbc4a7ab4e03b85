"""Channels consumers of live calls: authenticate, accept, enqueue, close.

One class a wire. What a message means is the wire's business, what the call
does is the session's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from aiker.calls import observing, tokens
from aiker.calls.allowance import Allowance
from aiker.calls.engines import open_engines
from aiker.calls.lines import TOO_MANY, Lines
from aiker.calls.lost_calls import LostCalls
from aiker.calls.models import EndReason
from aiker.calls.plan import load_plan
from aiker.calls.records import in_database
from aiker.calls.session import CallSession
from aiker.calls.wire.base import BAD_MESSAGE, TOO_FAST, TOO_LARGE, CallStarted, Message, Wire, WireError
from aiker.calls.wire.softphone import SoftphoneWire
from aiker.calls.wire.twilio import TwilioWire
from engines.profiles import ProfileError

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BAD_TOKEN, UNKNOWN_ASSISTANT, BAD_PROFILE, NO_START = 4401, 4404, 4406, 4408
START_WITHIN_S = 10
MOST_BAD, BAD_PER_SECOND = 100, 2  # messages that say nothing: a bug of a carrier's goes on, a flood does not
_DROPPED = {BAD_MESSAGE: "malformed", TOO_LARGE: "too_large", TOO_FAST: "too_fast"}


class CallConsumer(AsyncWebsocketConsumer):
    """A call over a WebSocket at ``/ws/<wire>/<assistant>/?token=...``."""

    wire_class: ClassVar[type[Wire]]
    lines: ClassVar[Lines[CallConsumer]] = Lines()  # of this process, over every wire
    live: ClassVar[set[CallSession]] = lines.live
    lost: ClassVar[LostCalls] = LostCalls()
    session: CallSession | None = None
    _start_timer: asyncio.TimerHandle | None = None
    _opened_s = 0.0
    _started: CallStarted | None = None  # what the carrier told when it began
    _over = False  # it was refused, or ended before it began: that is noted

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        # A plain loop instead of the stock one, which starts a task a message, listens on a channel layer
        # that calls do not use, and hops through the process's one sync thread for every message, where a
        # slow query of another call would hold up this one's audio (``make bench``).
        self.scope, self.base_send = scope, send
        with contextlib.suppress(StopConsumer):
            while True:
                message = await receive()
                if message["type"] == "websocket.receive":
                    await self.take(message.get("text"), message.get("bytes"))
                else:
                    await self.dispatch(message)

    async def connect(self) -> None:
        slug = self.scope["url_route"]["kwargs"]["assistant"]
        if not tokens.admits(self._token(), slug):
            await self._refuse(BAD_TOKEN, slug, "no valid token")
            return
        if self.lines.full:
            await self._refuse(
                TOO_MANY, slug, f"{len(self.live)} calls are live, AIKER_MAX_CALLS allows no more"
            )
            return
        if (oldest := self.lines.wait(self)) is not None:
            oldest.give_way()
        try:
            await self._open(slug)
        except BaseException:
            self.lines.leave(self, self.session)
            raise

    async def _open(self, slug: str) -> None:
        try:
            plan = await in_database(load_plan, slug)
        except ProfileError as exc:
            await self._refuse(BAD_PROFILE, slug, str(exc))
            return
        if plan is None:
            await self._refuse(UNKNOWN_ASSISTANT, slug, "no active assistant of that name")
            return
        engines = open_engines(plan)
        await asyncio.to_thread(engines.phrases.load, engines.tts, plan.phrases)
        if self._over:
            return  # it gave way
        await self.accept()
        loop = asyncio.get_running_loop()
        self._opened_s, self._bad = loop.time(), Allowance(MOST_BAD, BAD_PER_SECOND)
        self.session = CallSession(plan, engines, self.wire_class(), self._send, self._close, self._admit)
        if self.wire_class.starts_itself:
            try:
                self.session.start(CallStarted(parameters={"caller": self._query("caller")}))
            except WireError as exc:
                await self._end_badly(exc)
        else:
            self._start_timer = loop.call_later(START_WITHIN_S, self._check_started)

    def _admit(self, started: CallStarted) -> None:
        self._started = started
        if self.session:
            self.lines.admit(self, self.session, started)

    async def take(self, text: str | None, data: bytes | None) -> None:
        if self.session is None:
            return
        try:
            self.session.receive(text=text, data=data)
        except WireError as exc:
            if exc.code == BAD_MESSAGE and self._bad.take(1, asyncio.get_running_loop().time() * 1000):
                self._count(exc)
                logger.info("call %s: passed over: %s", self.session.id, exc)
                return
            await self._end_badly(exc)

    async def _end_badly(self, exc: WireError) -> None:
        """End the call for what the carrier did; before it began, that is a refusal."""
        session = self.session
        if session is None or session.finished:
            return
        logger.warning("call %s (%s) closed: %s", session.id, self.wire_class.name, exc)
        self._count(exc)
        if not session.started:
            self._note_lost(EndReason.REFUSED, exc.code, str(exc))
        await session.finish(EndReason.PROTOCOL_ERROR, exc.code, str(exc))

    def _count(self, exc: WireError) -> None:
        if reason := _DROPPED.get(exc.code) if self.session and self.session.started else None:
            observing.frames_dropped.send_robust(sender=None, reason=reason, frames=1)

    async def disconnect(self, code: int) -> None:
        if self._start_timer:
            self._start_timer.cancel()
        self.lines.leave(self, self.session)
        if self.session is None or not self.session.started:
            self._note_lost(EndReason.NOT_STARTED, NO_START, f"the socket closed ({code}) before it began")
        if self.session:
            gone = EndReason.HUNG_UP if code in (1000, 1001) else EndReason.CONNECTION_LOST
            await self.session.finish(gone)
            self.session = None  # the server keeps this consumer until Python looks for garbage
            # What stays behind a call shows here, call after call (``python -m bench soak``).
            logger.info("%d calls live, %d tasks", len(self.live), len(asyncio.all_tasks()))

    def _check_started(self) -> None:
        if self.session and not self.session.started:
            self._give_up(f"no start message within {START_WITHIN_S} s")

    def give_way(self) -> None:
        """Close a socket on which no call began, for one that came later."""
        self._give_up("no start message, and others wait")

    def _give_up(self, why: str) -> None:
        logger.warning("a call over %s closed: %s", self.wire_class.name, why)
        self._note_lost(EndReason.NOT_STARTED, NO_START, why)
        self._closing = asyncio.ensure_future(self._close(NO_START))

    def _note_lost(self, reason: EndReason, code: int, why: str) -> None:
        """Keep that there was a call, once."""
        if self._over:
            return
        self._over = True
        observing.call_refused.send_robust(sender=None, code=code)
        since_s = asyncio.get_running_loop().time() - self._opened_s if self._opened_s else 0
        self.lost.note(
            reason,
            why,
            slug=self.scope["url_route"]["kwargs"]["assistant"],
            wire=self.wire_class.name,
            started=self._started,
            duration_ms=since_s * 1000,
        )

    def _token(self) -> str:
        return self.scope["url_route"]["kwargs"].get("token") or self._query("token")

    def _query(self, name: str) -> str:
        values = parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [""])
        return values[0][:512]

    async def _refuse(self, code: int, slug: str, why: str) -> None:
        logger.warning("call to %r over %s refused: %s", slug, self.wire_class.name, why)
        self.lines.leave(self, None)
        self._note_lost(EndReason.REFUSED, code, why)
        if self.wire_class.explains_refusal:
            await self.accept()
        await self.close(code)

    async def _send(self, message: Message) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self.base_send({"type": "websocket.send", kind: message})

    async def _close(self, code: int) -> None:
        await self.close(code)


class TwilioConsumer(CallConsumer):
    wire_class = TwilioWire


class SoftphoneConsumer(CallConsumer):
    wire_class = SoftphoneWire


class NoSuchCall(AsyncWebsocketConsumer):
    """Any other address: refused in one line, where the router would log a traceback."""

    async def connect(self) -> None:
        logger.warning("no call at %s", self.scope["path"][:80])
        await self.close(UNKNOWN_ASSISTANT)
