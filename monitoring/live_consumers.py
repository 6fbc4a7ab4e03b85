"""The sockets of the page of now: what changes is pushed, an operator listens in or hangs up.

``/ws/now/`` sends JSON updates; the first is the snapshot. The page answers each with ``{"seen": n}`` and
gets the next only then, so a slow one gets fewer and larger updates, and holds up nobody.
``/ws/now/listen/<call>/`` sends the audio of a call (``live_audio``).

Close codes: 4401 not logged in, 4403 not permitted, 4404 no such call, 4400 a message that is none,
4408 the page has not answered for ``PATIENCE_S``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from aiker.calls.consumers import CallConsumer
from aiker.calls.events import CallEvent
from aiker.calls.models import EndReason
from aiker.calls.session import CallSession
from monitoring.live_access import HANG_UP, LISTEN, LOOK, NotLoggedInError, record, rights_of
from monitoring.live_audio import LiveAudio
from monitoring.live_feed import feed, in_thread
from monitoring.live_state import PERMISSIONS

logger = logging.getLogger(__name__)

BAD_MESSAGE, NOT_LOGGED_IN, NOT_PERMITTED, NO_SUCH_CALL, NO_ANSWER = 4400, 4401, 4403, 4404, 4408
PAUSE_S = 0.2  # between two updates, however much happens
PATIENCE_S = 30.0
RIGHTS_EVERY_S = 30.0
MAX_MESSAGE = 1000
RIGHTS = (LOOK, LISTEN, HANG_UP, *sorted(set(PERMISSIONS.values())))

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_hanging_up: set[asyncio.Task[None]] = set()


class OperatorConsumer(AsyncWebsocketConsumer):
    """A socket of someone who is logged in to the admin and has ``needs``."""

    needs: ClassVar[tuple[str, ...]] = (LOOK,)

    def __init__(self) -> None:
        super().__init__()
        self.user: Any = None
        self.rights: set[str] = set()
        self.seen = 0
        self._answered = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        # As for calls: no channel layer, and no hop through the shared thread for every message.
        self.scope, self.base_send = scope, send
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.connect":
                    await self.connect()
                else:
                    await self.receive(message.get("text"), message.get("bytes"))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def connect(self) -> None:
        await self.accept()  # refused or not: a browser can read a code only then
        if await self.ask_rights():
            self.spawn(self.run())
            self.spawn(self._keep_asking())

    async def run(self) -> None:
        raise NotImplementedError

    async def ask_rights(self) -> bool:
        """Find out anew what the user may do; close the socket when that is not enough."""
        session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        try:
            self.user, self.rights = await in_thread(rights_of, session_key, RIGHTS)
        except NotLoggedInError:
            await self.leave(NOT_LOGGED_IN)
            return False
        if not self.rights.issuperset(self.needs):
            await self.leave(NOT_PERMITTED)
            return False
        return True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        try:
            message = json.loads(text_data or "") if len(text_data or "") <= MAX_MESSAGE else None
        except (ValueError, RecursionError):
            message = None
        match message:
            case {"seen": int(seen)}:
                self.seen = max(self.seen, seen)
                self._answered.set()
            case dict():
                await self.asked(message)
            case _:
                await self.leave(BAD_MESSAGE)

    async def asked(self, message: dict[str, Any]) -> None:
        """Do what the page asks for; what is not understood is of a newer page, or nonsense."""

    async def until_seen(self, number: int) -> None:
        """Return when the page has answered up to ``number``; TimeoutError when it does not."""
        async with asyncio.timeout(PATIENCE_S):
            while self.seen < number:
                self._answered.clear()
                await self._answered.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        exc = None if task.cancelled() else task.exception()
        if exc and not isinstance(exc, OSError):  # the peer is gone, the disconnect is on its way
            logger.error("a page of now failed", exc_info=exc)

    async def leave(self, code: int) -> None:
        """Close the socket, and send nothing more."""
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await self.close(code)

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(RIGHTS_EVERY_S)
            try:
                if not await self.ask_rights():
                    return
            except DatabaseError as exc:
                logger.warning("what %s may do could not be read: %s", self.user, exc)


class NowConsumer(OperatorConsumer):
    """See the module."""

    async def run(self) -> None:
        revision = surroundings = -1
        number = 0
        with feed.subscription() as news:
            while True:
                await news.wait()
                news.clear()
                message, revision, surroundings = self._update(revision, surroundings, news)
                if not message:
                    continue
                number += 1
                await self.send(json.dumps({"number": number, **message}, ensure_ascii=False))
                try:
                    await self.until_seen(number)
                except TimeoutError:
                    await self.leave(NO_ANSWER)
                    return
                await asyncio.sleep(PAUSE_S)

    def _update(
        self, revision: int, surroundings: int, news: asyncio.Event
    ) -> tuple[dict[str, Any], int, int]:
        """Return what the page has not got yet, or the first part of it; empty where that is nothing."""
        message: dict[str, Any] = {}
        update = feed.board.changes(max(0, revision))
        if update.more:
            news.set()
        if revision < 0:
            message["rights"] = {"listen": LISTEN in self.rights, "hang_up": HANG_UP in self.rights}
        if update.calls or update.live is not None:
            message["calls"] = update.calls
        if update.live is not None:
            message["live"] = update.live
        if feed.surroundings_revision != surroundings and feed.surroundings:
            message["surroundings"] = {
                name: part
                for name, part in feed.surroundings.items()
                if PERMISSIONS.get(name, LOOK) in self.rights
            }
        return message, update.revision, feed.surroundings_revision

    async def asked(self, message: dict[str, Any]) -> None:
        match message:
            case {"hang_up": str(call_id)}:
                error = await self._hang_up(call_id)
                if error:
                    await self.send(json.dumps({"failed": "hang_up", "call": call_id, "why": error}))

    async def _hang_up(self, call_id: str) -> str:
        """Hang up a call; return why not, else an empty text."""
        session = live_session(call_id)
        if session is None:
            return "gone"
        try:
            if not await self.ask_rights():
                return ""
            if HANG_UP not in self.rights:
                return "not_permitted"
            await in_thread(record, self.user, session.id, HANG_UP)
        except DatabaseError as exc:
            logger.warning("call %s is not hung up, as that could not be recorded: %s", session.id, exc)
            return "not_recorded"
        logger.info("call %s: %s hangs up", session.id, self.user)
        session.note(CallEvent.OPERATOR, action="hang_up", by=self.user.get_username())
        # The call's record is stored whatever becomes of this page.
        task = asyncio.create_task(session.finish(EndReason.OPERATOR, 1000))
        _hanging_up.add(task)
        task.add_done_callback(_hanging_up.discard)
        return ""


class ListenConsumer(OperatorConsumer):
    """What both sides of a call say, as it is said; recorded before the first sound."""

    needs = (LOOK, LISTEN)

    async def run(self) -> None:
        session = live_session(self.scope["url_route"]["kwargs"]["call"])
        if session is None:
            await self.leave(NO_SUCH_CALL)
            return
        try:
            await in_thread(record, self.user, session.id, LISTEN)
        except DatabaseError as exc:
            logger.warning("nobody listens in on call %s, as that could not be recorded: %s", session.id, exc)
            await self.leave(1011)
            return
        name = self.user.get_username()
        logger.info("call %s: %s listens in", session.id, name)
        session.note(CallEvent.OPERATOR, action="listen", by=name)
        try:
            await self._pass_on(session)
        finally:
            session.note(CallEvent.OPERATOR, action="stop_listening", by=name)

    async def _pass_on(self, session: CallSession) -> None:
        audio = LiveAudio(session.overheard)
        while not session.finished:
            await asyncio.sleep(audio.STEP_S)
            if piece := audio.next(self.seen):
                await self.send(bytes_data=piece)
            elif audio.silent_for_s > PATIENCE_S:
                await self.leave(NO_ANSWER)
                return
        await self.leave(1000)


def live_session(call_id: str | UUID) -> CallSession | None:
    """Return the call in progress with that id, if this process serves it."""
    return next((session for session in CallConsumer.live if str(session.id) == str(call_id)), None)
