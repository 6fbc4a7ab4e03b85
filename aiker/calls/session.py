"""One live call: from the carrier's messages to paced speech, and back.

::

    session = CallSession(plan, engines, wire, send, close)
    session.start({"caller": "138..."})
    session.receive(text=message)      # for each message, microseconds
    await session.finish(EndReason.HUNG_UP)

The session ties the carrier's socket, the caller's and the assistant's sound, and the record together, and
ends the call, whoever wants that. What is said is the business of ``conversation``. It runs on the event
loop only and never touches the ORM, a model or a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiker import logs
from aiker.calls import observing
from aiker.calls.clock import Clock
from aiker.calls.conversation import Conversation
from aiker.calls.engines import CallEngines
from aiker.calls.events import CallEvent
from aiker.calls.hearing import Hearing
from aiker.calls.journal import Journal
from aiker.calls.models import EndReason
from aiker.calls.plan import CallPlan
from aiker.calls.recorder import Place, Recorder
from aiker.calls.speaker import Speaker
from aiker.calls.timers import Timers
from aiker.calls.wire.base import (
    AudioIn,
    CallStarted,
    CallStopped,
    DtmfIn,
    MarkReached,
    Message,
    Wire,
    WireError,
    WireInput,
)

logger = logging.getLogger(__name__)


class CallSession:
    """See the module. ``send`` and ``close`` reach the carrier's socket.

    ``admit`` is asked before the call begins; what it raises ends it there.
    """

    def __init__(
        self,
        plan: CallPlan,
        engines: CallEngines,
        wire: Wire,
        send: Callable[[Message], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        admit: Callable[[CallStarted], None] = lambda _started: None,
    ) -> None:
        self.id = uuid.uuid4()
        self.carrier_call_id = ""
        self.plan = plan
        self.started = False
        self._engines = engines
        self._wire = wire
        self._close = close
        self._admit = admit
        loop = asyncio.get_running_loop()
        self._clock = Clock(loop)
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = False
        self._stored = asyncio.Event()
        self._recorder = Recorder()
        # Its parts hold no call: it would stay, when it is over, until Python looks for garbage.
        me = weakref.proxy(self)
        self._timers = Timers(loop, lambda exc: me._fail(exc))
        self._hearing = Hearing(self._recorder, self._timers, self._clock.now)
        self._speaker = Speaker(
            wire, send, self._recorder, self._clock.now, lambda: me._conversation.frame_sent()
        )
        call = observing.CallIdentity(self.id, plan.assistant, plan.engines.profile, wire.name)
        self._journal = Journal(call, self._speaker.show, self._clock.now)
        self._conversation = Conversation(
            plan,
            engines,
            self._speaker,
            self._recorder,
            self._journal,
            self._timers,
            self._clock.now,
            lambda work: me._spawn(work),
            lambda reason: me.finish(reason, 1000),
        )
        self._vad = engines.vad.open(loop, lambda start_ms, speech: me._on_window(start_ms, speech))

    # -- life ---------------------------------------------------------------

    def start(self, started: CallStarted) -> None:
        """Answer the call: greet, and listen from now on; what ``admit`` raises when it may not begin."""
        self._admit(started)
        self.carrier_call_id = started.carrier_call_id
        logs.call_id.set(str(self.id))
        self.started = True
        self._clock.start()
        caller = started.parameters.get("caller", "")[:64]
        carrier = {"carrier_call_id": started.carrier_call_id, "caller": caller}
        engines = {"engines": self.plan.engine_names, "profile": self.plan.engines.profile}
        self._journal.begin(self.plan.assistant_id, {"wire": self._wire.name} | carrier | engines)
        self._journal.emit(
            CallEvent.CALL_STARTED, call_id=str(self.id), assistant=self.plan.assistant, caller=caller
        )
        self._spawn(self._speaker.run_outbox())
        self._spawn(self._speaker.run_playout())
        if self._engines.begin_call:
            self._engines.begin_call(str(self.id), caller)
        self._conversation.begin({"call_id": str(self.id), "assistant": self.plan.assistant} | carrier)
        self._hearing.begin(self._vad)
        self._timers.set("limit", self.plan.max_call_seconds, self._on_time_limit)

    async def finish(self, reason: EndReason, code: int | None = None, detail: str = "") -> None:
        """End the call; return when its record is stored, whoever ended it first.

        ``code`` closes the carrier's socket; None when it is closed already. ``detail`` says what happened.
        """
        if self._finished:
            await self._stored.wait()
            return
        self._finished = True
        self._vad.close()
        self._hearing.end()
        self._timers.stop()
        try:
            if self.started:
                await self._conclude(reason, code, detail)
            elif code is not None:
                await self._close_socket(code)
        finally:
            self._stored.set()

    @property
    def finished(self) -> bool:
        return self._finished

    # -- looked at by an operator -----------------------------------------------

    def note(self, kind: CallEvent, **data: Any) -> None:
        """Keep an event with the call that the caller's side is not told of."""
        if not self._finished:
            self._journal.keep(kind, **data)

    def overheard(self, place: Place | None) -> tuple[Place, bytes, bytes]:
        """Return what was said since ``place``, see ``Recorder.since``."""
        return self._recorder.since(place, self._clock.now())

    async def _conclude(self, reason: EndReason, code: int | None, detail: str) -> None:
        self._conversation.end()
        self._recorder.cut(self._clock.now())
        self._speaker.forget()
        self._journal.emit(CallEvent.CALL_ENDED, reason=reason.value)
        if code is not None:
            await self._close_socket(code)
        current = asyncio.current_task()
        for task in self._tasks - ({current} if current else set()):
            task.cancel()
        fields = {
            "end_reason": reason.value,
            "end_detail": detail[:200],
            "duration_ms": round(self._clock.now()),
            "transfer_to": self._conversation.transfer_to,
            "knowledge_version": self._conversation.versions[:255],
            "usage": self._engines.usage.take(),
        }
        await self._journal.end(fields, self._recorder)
        self._recorder.forget()
        self._conversation.forget()
        logger.info("call %s ended: %s, %d turns", self.id, reason.value, self._conversation.turns)

    async def _close_socket(self, code: int) -> None:
        with contextlib.suppress(OSError):  # the peer is gone already
            await self._speaker.flush()
            await self._close(code)

    # -- in -----------------------------------------------------------------

    def receive(self, *, text: str | None = None, data: bytes | None = None) -> None:
        """Take one message of the carrier; WireError when the call cannot go on."""
        if self._finished:
            return
        try:
            for item in self._wire.receive(text=text, data=data):
                self._take(item)
        except WireError:
            raise
        except Exception as exc:
            self._fail(exc)

    def _take(self, item: WireInput) -> None:
        match item:
            case AudioIn() if self.started:
                self._hearing.take(item)
            case MarkReached(name):
                self._speaker.reached(name)
            case CallStarted() if not self.started:
                self.start(item)
            case DtmfIn(digit) if self.started:
                self._conversation.key(digit)
            case CallStopped():
                self._spawn(self.finish(EndReason.HUNG_UP, 1000))

    # -- turns --------------------------------------------------------------

    def _on_window(self, start_ms: float, probability: float) -> None:
        if self._finished:
            return
        logs.call_id.set(str(self.id))  # the VAD's thread calls, in a context of its own
        try:
            self._conversation.window(self._hearing.place(start_ms), probability)
        except Exception as exc:
            self._fail(exc)

    # -- small things ---------------------------------------------------------

    def _on_time_limit(self) -> None:
        self._spawn(self._conversation.say_goodbye(EndReason.TIME_LIMIT))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            self._fail(exc)

    def _fail(self, exc: BaseException) -> None:
        """End this call, and no other, for a bug."""
        logger.error("call %s: internal error", self.id, exc_info=exc)
        if not self._finished:
            self._spawn(self.finish(EndReason.INTERNAL_ERROR, 4500))
