"""One live call: from the carrier's messages to paced speech, and back.

::

    session = CallSession(plan, engines, wire, send, close)
    session.start({"caller": "138..."})
    session.receive(text=message)      # for each message, microseconds
    await session.finish(EndReason.HUNG_UP)

The session owns the call's state and runs on the event loop only. What it
decides comes from ``turn_taking``; what it says from ``reply``; it never
touches the ORM, a model or a file.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils import timezone

from aiker import logs
from aiker.calls import observing, prompt, records
from aiker.calls.completeness import asks_for_number
from aiker.calls.end_of_turn import EndOfTurn, goes_on
from aiker.calls.engines import CallEngines
from aiker.calls.events import CallEvent, Event
from aiker.calls.fillers import Fillers
from aiker.calls.floor import PREROLL_MS, Floor
from aiker.calls.hold import Hold
from aiker.calls.keypad import Keypad
from aiker.calls.latency import Timeline
from aiker.calls.manners import Manner
from aiker.calls.memory import Memory
from aiker.calls.menu import Keyed, keyed
from aiker.calls.models import EndReason
from aiker.calls.partials import Partials
from aiker.calls.pauses import PauseJudge
from aiker.calls.plan import CallPlan
from aiker.calls.playout import Segment
from aiker.calls.recorder import Place, Recorder
from aiker.calls.reply import Reply, Voice
from aiker.calls.speaker import Speaker
from aiker.calls.speculation import Speculation
from aiker.calls.timers import Timers
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.spec import Called
from aiker.calls.turn_taking import Decision, Turn, TurnSettings, TurnTaking
from aiker.calls.vad import WINDOW_MS
from aiker.calls.wire.base import (
    TOO_FAST,
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
from engines.errors import EngineError

logger = logging.getLogger(__name__)

MAX_AHEAD_MS = 5000  # audio that arrives faster than it can be spoken
MAX_FAILURES = 3  # engine failures in a row that end the call
TRACE_EVENTS = 2000


class CallSession:
    """See the module. ``send`` and ``close`` reach the carrier's socket."""

    def __init__(
        self,
        plan: CallPlan,
        engines: CallEngines,
        wire: Wire,
        send: Callable[[Message], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
    ) -> None:
        self.id = uuid.uuid4()
        self.plan = plan
        self.started = False
        self._identity = observing.CallIdentity(self.id, plan.assistant, plan.engines.profile, wire.name)
        self._engines = engines
        self._wire = wire
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._recorder = Recorder()
        self._speaker = Speaker(wire, send, self._recorder, self._now, self._on_frame_sent)
        self._turns = TurnTaking(TurnSettings(longest_pause_ms=plan.longest_pause_ms))
        detector = EndOfTurn(plan.end_of_turn_ms, plan.longest_pause_ms)
        self._pause = PauseJudge(self._turns, detector, engines.turn_model, self._loop)
        self._speculation = Speculation(settings.AIKER.speculation_load)
        self._floor = Floor(
            self._speaker,
            self._recorder,
            self._turns,
            engines.stt,
            self._emit,
            self._now,
            self._spawn,
            self._on_interrupted,
        )
        self._partials = Partials(
            self._hear_so_far,
            lambda text: self._emit(CallEvent.TRANSCRIPT, self._turn_number, text=text, final=False),
            self._spawn,
            self._now,
            settings.AIKER.speculation_load,
        )
        self._vad = engines.vad.open(self._loop, self._on_window)
        self._writer = records.CallWriter(self.id)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers = Timers(self._loop)
        self._trace: list[dict[str, Any]] = []
        self._memory = Memory(plan.apology)
        self._reply: Reply | None = None
        self._speech_from_ms = 0.0
        self._carry_from_ms: float | None = None  # start of a withdrawn turn, continued by the next
        self._holding = False  # the caller asked to wait
        self._keypad = Keypad(plan.menu)
        self._typed = ""  # complete, while the caller still speaks
        self._turn_number = 1
        self._silence_count = 0
        self._failures = 0
        self._finished = False
        self._pending_tool: Called | None = None  # waits for the caller's yes
        self._transfer_to = ""
        self._desk = ToolDesk(plan.tools, self._emit, engines.send_tool)
        self._stored = asyncio.Event()
        self._voice = Voice(
            stt=engines.stt,
            llm=engines.llm,
            tts=engines.tts,
            phrases=engines.phrases,
            knowledge=engines.knowledge,
            passages=plan.passages,
            words=plan,
            fillers=Fillers(plan.fillers, plan.filler_ms),
            system_prompt=plan.system_prompt,
            correct=plan.lexicon.correct,
            speaker=self._speaker,
            emit=self._emit,
            now=self._now,
            desk=self._desk,
        )

    # -- life ---------------------------------------------------------------

    def start(self, started: CallStarted) -> None:
        """Answer the call: greet, and listen from now on."""
        logs.call_id.set(str(self.id))
        self.started = True
        self._zero = self._loop.time()
        self._desk.about = {
            "call_id": str(self.id),
            "carrier_call_id": started.carrier_call_id,
            "caller": started.parameters.get("caller", "")[:64],
            "assistant": self.plan.assistant,
        }
        self._writer.start()
        self._writer.put(
            records.create_call,
            self.plan.assistant_id,
            timezone.now(),
            {
                "wire": self._wire.name,
                "carrier_call_id": started.carrier_call_id,
                "caller": started.parameters.get("caller", "")[:64],
                "engines": self.plan.engine_names,
                "profile": self.plan.engines.profile,
            },
        )
        caller = self._desk.about["caller"]
        self._emit(CallEvent.CALL_STARTED, call_id=str(self.id), assistant=self.plan.assistant, caller=caller)
        self._spawn(self._speaker.run_outbox())
        self._spawn(self._speaker.run_playout())
        self._spawn(self._greet())
        self._timers.set("limit", self.plan.max_call_seconds, self._on_time_limit)

    async def finish(self, reason: EndReason, code: int | None = None) -> None:
        """End the call; return when its record is stored, whoever ended it first.

        ``code`` closes the carrier's socket; None when it is closed already.
        """
        if self._finished:
            await self._stored.wait()
            return
        self._finished = True
        self._vad.close()
        self._timers.stop()
        if self.started:
            await self._conclude(reason, code)
        elif code is not None:
            await self._close(code)
        self._stored.set()

    @property
    def finished(self) -> bool:
        return self._finished

    # -- looked at by an operator -----------------------------------------------

    def note(self, kind: CallEvent, **data: Any) -> None:
        """Keep an event with the call that the caller's side is not told of."""
        if not self._finished:
            self._keep(Event(kind, round(self._now()), None, data))

    def overheard(self, place: Place | None) -> tuple[Place, bytes, bytes]:
        """Return what was said since ``place``, see ``Recorder.since``."""
        return self._recorder.since(place, self._now())

    async def _conclude(self, reason: EndReason, code: int | None) -> None:
        if self._reply and self._reply.committed:
            self._reply.cancel()
            self._close_turn(self._reply, interrupted=self._speaker.busy)
        self._withdraw()
        self._recorder.cut(self._now())
        self._emit(CallEvent.CALL_ENDED, reason=reason.value)
        if code is not None:
            await self._speaker.flush()
            await self._close(code)
        current = asyncio.current_task()
        for task in self._tasks - ({current} if current else set()):
            task.cancel()
        fields = {
            "end_reason": reason.value,
            "duration_ms": round(self._now()),
            "events": self._trace,
            "transfer_to": self._transfer_to,
            "knowledge_version": self._memory.versions[:255],
            "usage": self._engines.usage.take(),
        }
        self._writer.put(records.finish_call, fields, self._recorder)
        await self._writer.close()
        for holds_sound in (self._recorder, self._speaker, self._memory):
            holds_sound.forget()
        logger.info("call %s ended: %s, %d turns", self.id, reason.value, self._turn_number - 1)

    # -- in -----------------------------------------------------------------

    def receive(self, *, text: str | None = None, data: bytes | None = None) -> None:
        """Take one message of the carrier; WireError when the call cannot go on."""
        if self._finished:
            return
        for item in self._wire.receive(text=text, data=data):
            self._take(item)

    def _take(self, item: WireInput) -> None:
        match item:
            case AudioIn():
                self._hear(item.payload)
            case MarkReached(name):
                self._speaker.reached(name)
            case CallStarted() if not self.started:
                self.start(item)
            case DtmfIn(digit) if self.started:
                self._on_key(digit)
            case CallStopped():
                self._spawn(self.finish(EndReason.HUNG_UP, 1000))

    def _hear(self, mulaw: bytes) -> None:
        now = self._now()
        self._recorder.hear(mulaw, now)
        if self._recorder.ahead_ms(now) > MAX_AHEAD_MS:
            raise WireError("audio arrives faster than real time", TOO_FAST)
        self._vad.feed(mulaw)

    # -- turns --------------------------------------------------------------

    def _on_window(self, start_ms: float, probability: float) -> None:
        if self._finished:
            return
        logs.call_id.set(str(self.id))  # the VAD's thread calls, in a context of its own
        self._floor.window(WINDOW_MS, probability)
        audible = self._speaker.audible
        for decision in self._turns.step(start_ms, WINDOW_MS, probability, assistant_audible=audible):
            if not self._floor.take(decision):
                _HANDLERS[decision.kind](self, decision)
        if self._turns.in_speech:
            self._partials.step()

    def _on_speech_started(self, decision: Decision) -> None:
        self._timers.cancel("silence")
        self._silence_count = 0
        self._emit(CallEvent.SPEECH_STARTED, self._turn_number)
        self._speech_from_ms = decision.speech_start_ms
        self._partials.begin()
        reply = self._reply
        if reply is None:
            if self._speaker.busy:
                self._floor.stop(decision, None)  # a greeting or a prompt
        elif reply.done and not self._speaker.busy:
            self._finish_turn(reply)  # only its last mark was still under way
        elif reply.error or reply.was_sent or reply.tools.acted:
            self._floor.stop(decision, reply)
        else:
            self._reopen(reply)

    def _on_paused(self, decision: Decision) -> None:
        self._emit(CallEvent.SPEECH_PAUSED, self._turn_number)
        self._partials.stop()
        reply = self._open_reply(decision)
        self._pause.begin(reply.audio, dictating=asks_for_number(self._memory.last_said))

    def _on_resumed(self, decision: Decision) -> None:  # noqa: ARG002
        self._withdraw()
        self._partials.begin()

    async def _hear_so_far(self) -> str:
        start_ms = self._speech_from_ms if self._carry_from_ms is None else self._carry_from_ms
        audio = self._recorder.caller(start_ms - PREROLL_MS, self._recorder.caller_ms)
        return self._voice.correct(await self._engines.stt.transcribe(audio, lambda _served: None))

    def _on_ended(self, decision: Decision) -> None:
        self._partials.stop()
        reply = self._reply
        if reply is None:
            reply = self._open_reply(decision)  # cut at the longest utterance, in the middle of speech
        else:
            reply.end_of_turn = self._pause.as_dict() | {"speculative_runs": self._speculation.runs}
            silence_ms = reply.end_of_turn["silence_ms"]
            reply.timeline.reached("silence", self._recorder.spoken_at(decision.speech_end_ms + silence_ms))
        if self._keypad.typing or self._typed:
            self._carry_to_keys(reply)
            return
        self._carry_from_ms = None
        reply.commit(self._now())

    def _on_heard(self, reply: Reply) -> bool:
        """Take what was recognised; say whether the answer may be begun before the turn is over."""
        if reply is not self._reply or reply.committed:
            return True
        may_be_all = self._pause.heard(reply.user_text)
        return may_be_all and not reply.error and self._speculation.begin()

    def _goes_on(self, reply: Reply, start_ms: float) -> bool:
        """Whether speech from ``start_ms`` on belongs to the turn that ``reply`` answers."""
        if reply.error or reply.tools.acted or reply.committed_at is None:
            return False
        began = self._recorder.spoken_at(start_ms)
        heard_ms = None if reply.plays_from is None else began - reply.plays_from
        return goes_on(began - reply.committed_at, heard_ms)

    def _reopen(self, reply: Reply) -> None:
        """The caller was not done: take the answer back, and join what comes with what was said."""
        self._emit(CallEvent.TURN_REOPENED, reply.number, heard=reply.heard_text(self._now()))
        self._speaker.silence()
        self._carry_from_ms = reply.speech_start_ms
        self._withdraw()

    def _open_reply(self, decision: Decision) -> Reply:
        start_ms = decision.speech_start_ms if self._carry_from_ms is None else self._carry_from_ms
        audio = self._recorder.caller(start_ms - PREROLL_MS, decision.at_ms)
        speech_end = self._recorder.speech_end(decision.speech_start_ms, decision.speech_end_ms)
        return self._begin_reply(start_ms, audio, speech_end)

    def _begin_reply(
        self, start_ms: float, audio: bytes, speech_end: float, keys: Keyed | None = None
    ) -> Reply:
        logs.turn.set(self._turn_number)
        reply = Reply(
            voice=self._voice,
            number=self._turn_number,
            audio=audio,
            speech_start_ms=start_ms,
            timeline=Timeline(speech_end=speech_end),
            history=list(self._memory.messages),
            question_before=self._memory.question_before,
            pending=self._pending_tool,
            earlier=self._memory.earlier,
            keyed=keys,
            on_heard=self._on_heard,
        )
        self._reply = reply
        self._spawn(self._follow(reply, reply.start()))
        return reply

    def _withdraw(self) -> None:
        if self._reply:
            self._reply.cancel()
            if self._reply.filler:
                self._speaker.silence()
            self._reply = None

    def _interrupt(self, reply: Reply) -> None:
        """Stop speaking at once; the turn keeps what was heard."""
        self._floor.release()
        self._speaker.silence()
        reply.cancel()
        self._emit(CallEvent.INTERRUPTED, reply.number, heard=reply.heard_text(self._now()))
        self._close_turn(reply, interrupted=True)

    def _on_interrupted(self, hold: Hold) -> None:
        """Drop what was held, and answer what the caller said meanwhile."""
        reply = self._reply
        reopened = reply is not None and self._goes_on(reply, hold.start_ms)
        if reply and reopened:
            self._reopen(reply)
        elif reply:
            self._interrupt(reply)
        else:
            self._cut_phrase()
        if not reopened:
            self._carry_from_ms = hold.start_ms
        if hold.pause:
            self._on_paused(hold.pause)
            # Of a turn that goes on, more was said than what is recognised already.
            if self._reply and hold.recognised and not reopened:
                self._reply.listen = hold.heard
        if hold.end:
            self._on_ended(hold.end)

    async def _follow(self, reply: Reply, task: asyncio.Task[None]) -> None:
        """See a reply through to the end of its playing."""
        await asyncio.wait([task])
        if reply is not self._reply or task.cancelled():
            return
        task.result()  # a bug in the reply ends the call through ``_spawn``
        if reply.error:
            await self._apologise(reply, reply.error)
        else:
            self._failures = 0
        await self._speaker.drained()
        if reply is not self._reply:
            return
        if not reply.user_text and not reply.error:
            self._reply = None  # a noise, not a turn
            self._speculation.end_turn()
        else:
            self._finish_turn(reply)
        if self._failures >= MAX_FAILURES:
            await self._say_goodbye(EndReason.ENGINE_FAILURE)
        else:
            self._expect_speech()

    def _finish_turn(self, reply: Reply) -> None:
        self._emit(CallEvent.REPLY_FINISHED, reply.number, heard=reply.heard_text(self._now()))
        self._close_turn(reply, interrupted=False)
        if reply.ending:
            self._transfer_to = reply.tools.target
            self._spawn(self.finish(reply.ending, 1000))
        else:
            self._spawn(self._prime())

    async def _apologise(self, reply: Reply, error: EngineError) -> None:
        self._failures += 1
        self._emit(CallEvent.ERROR, reply.number, **error.as_dict())
        logger.warning("call %s: %s %s: %s", self.id, error.stage, error.code, error.message)
        await self._play_phrase(self.plan.apology)

    def _close_turn(self, reply: Reply, *, interrupted: bool) -> None:
        """Record the turn and put what was heard, and only that, into the history."""
        self._reply = None
        at_ms = max(0, round(self._recorder.spoken_at(reply.speech_start_ms)))
        # What was typed has no sound to measure from.
        recorded_ms = None if reply.keyed else self._recorder.voice_to_voice(at_ms, reply.answered_from)
        record = reply.record(self._now(), at_ms, recorded_ms, interrupted=interrupted)
        record = replace(record, usage=self._engines.usage.take())
        self._pending_tool = reply.tools.asks or self._desk.offered_by(record.heard_text)
        self._speculation.end_turn()
        self._holding = reply.manner is Manner.WAIT
        self._memory.take(reply, record)
        self._turn_number += 1
        self._writer.put(records.create_turn, record)
        shown = {name: value for name, value in record.as_dict().items() if name not in ("number", "at_ms")}
        self._emit(CallEvent.TURN_FINISHED, reply.number, **shown)

    async def _prime(self) -> None:
        try:
            # With the beginning that every question has: what is read ahead need not be read then.
            begun = prompt.question("")
            messages = prompt.conversation(self.plan.system_prompt, self._memory.messages, begun)
            await self._engines.llm.prime(messages, self._desk.definitions)
        except EngineError as exc:
            logger.info("call %s: the prompt could not be read ahead: %s", self.id, exc.message)

    # -- keys ---------------------------------------------------------------

    def _on_key(self, key: str) -> None:
        """Stop what is being said, and listen for what else is typed."""
        self._emit(CallEvent.DTMF, digit=key)
        keys = self._keypad.press(key)
        if keys is None and not self._keypad.typing:
            return
        self._timers.cancel("silence")
        self._silence_count = 0
        reply = self._reply
        if reply is None:
            if self._speaker.busy:
                self._floor.release()
                self._cut_phrase()
        elif reply.done and not self._speaker.busy:
            self._finish_turn(reply)
        elif reply.error or reply.was_sent or reply.tools.acted:
            self._interrupt(reply)
        elif reply.committed:
            self._carry_to_keys(reply)
        if keys is None:
            self._timers.set("keys", self._keypad.wait_s, lambda: self._on_keys(self._keypad.take()))
        else:
            self._on_keys(keys)

    def _carry_to_keys(self, reply: Reply) -> None:
        """What was said and not answered yet belongs to what is typed."""
        self._carry_from_ms = reply.speech_start_ms
        self._withdraw()
        if self._typed:
            self._on_keys(self._typed)

    def _on_keys(self, keys: str) -> None:
        """Answer what was typed, behind what the caller is saying."""
        self._timers.cancel("keys")
        self._typed = keys if self._turns.speaking else ""
        if self._typed or self._finished:
            return
        now, meant = self._recorder.caller_ms, keyed(keys, self.plan.menu, self.plan)
        start_ms = now if self._carry_from_ms is None else self._carry_from_ms
        plain = self._carry_from_ms is not None and keys not in self.plan.menu
        audio = self._recorder.caller(start_ms - PREROLL_MS, now) if plain else b""
        self._carry_from_ms = None
        self._begin_reply(start_ms, audio, self._now(), meant).commit(self._now())

    # -- out ----------------------------------------------------------------

    async def _greet(self) -> None:
        self._spawn(self._prime())
        await self._play_phrase(self.plan.greeting)
        await self._phrase_heard()
        self._expect_speech()

    async def _phrase_heard(self) -> None:
        await self._speaker.drained()
        if self._reply is None and not self._turns.speaking:
            self._emit(CallEvent.PHRASE_FINISHED, interrupted=False)

    def _cut_phrase(self) -> None:
        self._speaker.silence()
        self._emit(CallEvent.PHRASE_FINISHED, interrupted=True)

    async def _play_phrase(self, text: str) -> None:
        """Queue a fixed sentence from the cache, or from the engine when it is not there yet."""
        if not text:
            return
        audio = await self._engines.phrases.fetch(self._engines.tts, text)
        if audio is None:
            try:
                audio = await self._engines.phrases.make(self._engines.tts, text)
            except EngineError as exc:
                self._emit(CallEvent.ERROR, None, **exc.as_dict())
                return
        self._emit(CallEvent.REPLY_TEXT, None, text=text)
        self._speaker.append(Segment(text, bytearray(audio), closed=True))
        self._speaker.wake()

    def _on_frame_sent(self) -> None:
        reply = self._reply
        if reply and reply.was_sent and not reply.announced:
            reply.announced = True
            self._emit(CallEvent.REPLY_STARTED, reply.number)

    def _emit(self, kind: CallEvent, turn: int | None = None, **data: Any) -> None:
        event = Event(kind, round(self._now()), turn, data)
        self._speaker.show(event)
        self._keep(event)

    def _keep(self, event: Event) -> None:
        if len(self._trace) < TRACE_EVENTS:
            self._trace.append(event.as_dict())
        observing.call_event.send_robust(sender=None, call=self._identity, event=event)

    # -- silence and limits ---------------------------------------------------

    def _expect_speech(self) -> None:
        seconds = self.plan.hold_seconds if self._holding else self.plan.silence_seconds
        self._timers.set("silence", seconds, self._on_silence)

    def _on_silence(self) -> None:
        if self._reply or self._turns.speaking:
            return  # the end of that turn starts the wait again
        self._holding = False
        self._silence_count += 1
        if self._silence_count > self.plan.silence_prompts:
            self._spawn(self._say_goodbye(EndReason.SILENCE))
            return
        self._emit(CallEvent.SILENCE_PROMPT, count=self._silence_count)
        self._spawn(self._prompt())

    async def _prompt(self) -> None:
        await self._play_phrase(self.plan.silence_prompt)
        await self._phrase_heard()
        if self._reply is None:
            self._expect_speech()

    def _on_time_limit(self) -> None:
        self._spawn(self._say_goodbye(EndReason.TIME_LIMIT))

    async def _say_goodbye(self, reason: EndReason) -> None:
        self._timers.cancel("silence")
        if self._reply and self._reply.committed:
            self._interrupt(self._reply)
        else:
            self._withdraw()
            self._floor.release()
            self._speaker.silence()
        await self._play_phrase(self.plan.goodbye)
        await self._speaker.drained()
        await self.finish(reason, 1000)

    # -- small things ---------------------------------------------------------

    def _now(self) -> float:
        """Milliseconds since the call was answered."""
        return (self._loop.time() - self._zero) * 1000

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) and not self._finished:
            logger.error("call %s: internal error", self.id, exc_info=exc)
            self._spawn(self.finish(EndReason.INTERNAL_ERROR, 4500))


_HANDLERS = {
    Turn.SPEECH_STARTED: CallSession._on_speech_started,
    Turn.PAUSED: CallSession._on_paused,
    Turn.RESUMED: CallSession._on_resumed,
    Turn.ENDED: CallSession._on_ended,
}
