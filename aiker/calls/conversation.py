"""The turns of one call: what the caller says or types is answered, one turn after the other.

::

    conversation = Conversation(plan, engines, speaker, recorder, journal, timers, now, spawn, hang_up)
    conversation.begin(about)                    # greets
    conversation.window(start_ms, probability)   # each window of the caller's audio
    conversation.key("5")
    conversation.frame_sent()                    # after each frame of the assistant's
    conversation.end()                           # the call is over: what was heard is kept

It runs on the event loop only. What it decides comes from ``turn_taking``, ``floor`` and ``pauses``; what it
says from ``reply``.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from django.conf import settings

from aiker import logs
from aiker.calls import answering, prompt
from aiker.calls.announcer import Announcer
from aiker.calls.answering import expected_words
from aiker.calls.backchannel import asks
from aiker.calls.completeness import asks_for_number
from aiker.calls.end_of_turn import REOPEN_MS, EndOfTurn, goes_on
from aiker.calls.engines import CallEngines
from aiker.calls.events import CallEvent
from aiker.calls.fillers import Fillers
from aiker.calls.floor import PREROLL_MS, Floor
from aiker.calls.hold import Hold
from aiker.calls.idle import Idle, Next
from aiker.calls.journal import Journal
from aiker.calls.keypad import Keypad
from aiker.calls.latency import Timeline
from aiker.calls.manners import Manner
from aiker.calls.memory import Memory
from aiker.calls.menu import Keyed, keyed
from aiker.calls.models import EndReason
from aiker.calls.near_end import NearEnd
from aiker.calls.partials import Partials
from aiker.calls.passed_over import Screen, Why
from aiker.calls.pauses import PauseJudge
from aiker.calls.plan import CallPlan
from aiker.calls.recorder import Recorder
from aiker.calls.reply import Reply
from aiker.calls.speaker import Speaker
from aiker.calls.speculation import Speculation
from aiker.calls.timers import Timers
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.spec import Called
from aiker.calls.turn_taking import Decision, Turn, TurnSettings, TurnTaking
from aiker.calls.unheard import Unheard
from aiker.calls.vad import WINDOW_MS
from aiker.calls.voice import Voice
from engines.errors import EngineError

logger = logging.getLogger(__name__)

RECHECK_S = 1.0  # a prompt that somebody speaks over waits
GO_ON_S = 3  # how long who asked for the floor is waited for
MAX_FAILURES = 3  # engine failures in a row that end the call
MOST_HEARD_MS = 60_000  # of a turn that was joined again and again, its end: recognition costs by the second


class Conversation:
    """See the module. ``now`` is ms since the call was answered; ``hang_up`` ends the call for a reason."""

    def __init__(
        self,
        plan: CallPlan,
        engines: CallEngines,
        speaker: Speaker,
        recorder: Recorder,
        journal: Journal,
        timers: Timers,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        hang_up: Callable[[EndReason], Coroutine[Any, Any, None]],
    ) -> None:
        self.plan = plan
        self.transfer_to = ""
        self._engines = engines
        self._speaker = speaker
        self._recorder = recorder
        self._journal = journal
        self._emit = journal.emit
        self._timers = timers
        self._now = now
        self._spawn = spawn
        self._hang_up = hang_up
        self._announcer = Announcer(engines, speaker, self._emit)
        self._turns = TurnTaking(TurnSettings(longest_pause_ms=plan.longest_pause_ms))
        detector = EndOfTurn(plan.end_of_turn_ms, plan.longest_pause_ms)
        self._near_end = NearEnd(recorder)
        self._pause = PauseJudge(self._turns, detector, engines.turn_model, asyncio.get_running_loop())
        self._speculation = Speculation(settings.AIKER.speculation_load)
        me = weakref.proxy(self)  # see ``CallSession``
        self._floor = Floor(
            speaker,
            recorder,
            self._near_end,
            self._turns,
            engines.stt,
            self._emit,
            now,
            spawn,
            lambda hold: me._on_interrupted(hold),
        )
        self._partials = Partials(
            lambda: me._hear_so_far(),
            lambda text: me._emit(CallEvent.TRANSCRIPT, me._turn_number, text=text, final=False),
            spawn,
            now,
            settings.AIKER.speculation_load,
        )
        self._memory = Memory(plan.apology)
        self._idle = Idle(plan.silence_prompts)
        self._screen = Screen(self._idle)
        self._unheard = Unheard()
        self._reply: Reply | None = None
        self._speech_from_ms = 0.0
        self._carry_from_ms: float | None = None  # start of a withdrawn turn, continued by the next
        self._holding = False  # the caller asked to wait
        self._listening = False  # the caller asked for the floor
        self._keypad = Keypad(plan.menu)
        self._typed = ""  # complete, while the caller still speaks
        self._input_until = 0.0  # the last key, or the end of what was said with keys
        self._turn_number = 1
        self._greeted = True  # or about to be
        self._failures = 0
        self._closing = False  # the last words are being said
        self._pending_tool: Called | None = None  # waits for the caller's yes
        self._desk = ToolDesk(plan.tools, self._emit, engines.send_tool)
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
            output=plan.output,
            correct=plan.lexicon.correct,
            speaker=speaker,
            emit=self._emit,
            now=now,
            desk=self._desk,
        )

    # -- life ---------------------------------------------------------------

    def begin(self, about: dict[str, str]) -> None:
        """Greet, and listen from now on; ``about`` is what tools are told of the call."""
        self._desk.about = about
        self._spawn(self._greet())

    def end(self) -> None:
        """Stop: of an answer that was being said, the turn keeps what was heard."""
        if self._reply and self._reply.committed:
            self._reply.cancel()
            self._close_turn(self._reply, interrupted=self._speaker.busy)
        self._withdraw()
        self._floor.release()

    @property
    def turns(self) -> int:
        """How many turns are over."""
        return self._turn_number - 1

    @property
    def versions(self) -> str:
        """Versions of the knowledge that were asked, in the order of their use."""
        return self._memory.versions

    def forget(self) -> None:
        """Let go of all audio, see ``Recorder.forget``."""
        self._memory.forget()

    # -- turns --------------------------------------------------------------

    def window(self, start_ms: float, probability: float) -> None:
        """Take the next window of the caller's audio, from ``start_ms`` of that on."""
        if self._closing:
            return
        audible = self._speaker.audible
        probability = self._near_end.window(
            start_ms, probability, in_turn=self._turns.speaking, audible=audible
        )
        self._floor.window(WINDOW_MS, probability)
        self._unheard.window(WINDOW_MS, probability)
        for decision in self._turns.step(start_ms, WINDOW_MS, probability, assistant_audible=audible):
            if not self._floor.take(decision):
                _HANDLERS[decision.kind](self, decision)
        if self._turns.in_speech:
            self._partials.step()

    def _on_speech_started(self, decision: Decision) -> None:
        self._emit(CallEvent.SPEECH_STARTED, self._turn_number)
        self._speech_from_ms = decision.speech_start_ms
        self._unheard.begin()
        self._partials.begin()
        reply = self._reply
        if reply is None:
            if self._speaker.busy:
                self._floor.stop(decision, None)  # a greeting or a prompt
        elif reply.done and not self._speaker.busy:
            self._finish_turn(reply)  # only its last mark was still under way
        elif (
            reply.error
            or reply.spoken.was_sent
            or reply.tools.acted
            or not self._goes_on_at_once(reply, decision.speech_start_ms)
        ):
            self._floor.stop(decision, reply)
        else:
            self._reopen(reply)

    def _on_paused(self, decision: Decision) -> None:
        self._emit(CallEvent.SPEECH_PAUSED, self._turn_number)
        self._partials.stop()
        reply = self._open_reply(decision)
        last = self._memory.last_said
        self._pause.begin(reply.audio, dictating=asks_for_number(last), answering=asks(last))

    def _on_resumed(self, decision: Decision) -> None:  # noqa: ARG002
        self._withdraw()
        self._partials.begin()

    async def _hear_so_far(self) -> str:
        start_ms = self._speech_from_ms if self._carry_from_ms is None else self._carry_from_ms
        audio = self._said(start_ms, self._recorder.caller_ms)
        expected = expected_words(self._memory.last_said)
        return self._voice.correct(await self._engines.stt.transcribe(audio, lambda _served: None, expected))

    def _on_ended(self, decision: Decision) -> None:
        self._partials.stop()
        reply = self._reply
        if reply is None:
            reply = self._open_reply(decision)  # withdrawn in the pause
        else:
            reply.end_of_turn = self._pause.as_dict() | {"speculative_runs": self._speculation.runs}
            silence_ms = reply.end_of_turn["silence_ms"]
            reply.timeline.reached("silence", self._recorder.spoken_at(decision.speech_end_ms + silence_ms))
        if self._keypad.typing or self._typed:
            self._input_until = max(self._input_until, reply.timeline.speech_end)
            self._carry(reply)
            if not self._keypad.typing:
                self._on_keys("")
            return
        self._carry_from_ms = None
        reply.commit(self._now())

    def _on_heard(self, reply: Reply) -> bool:
        """Take what was recognised; say whether the answer may be begun before the turn is over."""
        if reply.user_text and reply.audio:
            self._near_end.accepted()
        if reply is not self._reply or reply.committed:
            return True
        may_be_all = self._pause.heard(reply.user_text)
        return may_be_all and not reply.error and self._speculation.begin()

    def _why_passed_over(self, text: str) -> Why:
        return self._screen.why(text, asked=bool(self._pending_tool) or asks(self._memory.last_said))

    def _pass_over(self, reply: Reply) -> None:
        """Let go of a turn that is none: nothing was understood, or nobody spoke to us."""
        self._reply = None
        self._speculation.end_turn()
        if reply.passed_over:
            self._emit(CallEvent.PASSED_OVER, reply.number, text=reply.heard_as, why=reply.passed_over)
            self._screen.take(reply.heard_as, reply.passed_over, self._now())

    def _goes_on_at_once(self, reply: Reply, start_ms: float) -> bool:
        """Whether what is said now continues the turn that is being thought about: it comes soon behind it.

        Later it may be 嗯, which must not begin the answer anew, or another turn: words over a filler.
        """
        if reply.committed_at is None or reply.keyed:
            return True
        began = self._recorder.spoken_at(start_ms)
        return began - reply.committed_at <= REOPEN_MS and not reply.filler_heard(began)

    def _goes_on(self, reply: Reply, start_ms: float) -> bool:
        """Whether speech from ``start_ms`` on belongs to the turn that ``reply`` answers."""
        if reply.error or reply.tools.acted or reply.committed_at is None:
            return False
        began = self._recorder.spoken_at(start_ms)
        if reply.fillers:
            return began - reply.committed_at <= REOPEN_MS and not reply.filler_heard(began)
        heard_ms = None if reply.spoken.plays_from is None else began - reply.spoken.plays_from
        return goes_on(began - reply.committed_at, heard_ms)

    def _reopen(self, reply: Reply) -> None:
        """The caller was not done: take the answer back, and join what comes with what was said."""
        self._emit(CallEvent.TURN_REOPENED, reply.number, heard=reply.spoken.heard(self._now()))
        self._speaker.silence()
        self._carry(reply)

    def _carry(self, reply: Reply) -> None:
        """Withdraw an answer; what was said and typed belongs to the next."""
        if reply.audio:
            self._carry_from_ms = reply.speech_start_ms
        if reply.keyed:
            self._typed = reply.keyed.keys + self._typed
        self._withdraw()

    def _open_reply(self, decision: Decision) -> Reply:
        start_ms = decision.speech_start_ms if self._carry_from_ms is None else self._carry_from_ms
        audio = self._said(start_ms, decision.at_ms)
        speech_end = self._recorder.speech_end(decision.speech_start_ms, decision.speech_end_ms)
        return self._begin_reply(start_ms, audio, speech_end)

    def _said(self, start_ms: float, end_ms: float) -> bytes:
        return self._near_end.audio(max(start_ms - PREROLL_MS, end_ms - MOST_HEARD_MS), end_ms)

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
            screen=self._why_passed_over,
        )
        self._reply = reply
        self._spawn(self._follow(reply, reply.start()))
        return reply

    def _withdraw(self) -> None:
        if self._reply:
            self._reply.cancel()
            if self._reply.fillers:
                self._speaker.silence()
            self._reply = None

    def _interrupt(self, reply: Reply) -> None:
        """Stop speaking at once; the turn keeps what was heard."""
        self._floor.release()
        self._speaker.silence()
        reply.cancel()
        self._emit(CallEvent.INTERRUPTED, reply.number, heard=reply.spoken.heard(self._now()))
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
            self._announcer.cut()
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
            self._report(reply, reply.error)
        if reply.error and not reply.recovered:
            self._failures += 1
            await self._announcer.say(self.plan.apology, lambda: reply is self._reply)
        else:
            self._failures = 0
        await self._speaker.drained()
        if reply is not self._reply:
            return
        if not reply.user_text and not reply.error:
            self._pass_over(reply)
            if not self._greeted and self._turn_number == 1:
                self._greeted = await self._say_to_silence(self.plan.greeting)  # a noise kept it back
            served = reply.served.get("stt")
            nobody = reply.passed_over or self._idle.on_hold
            if nobody or not served or not self._unheard.ask_again(served.certainty.get("no_speech_prob")):
                return  # and the wait for words goes on
            await self._say_to_silence(self.plan.unheard_answer)
            if self._reply is not None:
                return
        else:
            self._finish_turn(reply)
        if self._failures >= MAX_FAILURES:
            await self.say_goodbye(EndReason.ENGINE_FAILURE)
        else:
            self._expect_speech()

    def _finish_turn(self, reply: Reply) -> None:
        self._emit(CallEvent.REPLY_FINISHED, reply.number, heard=reply.spoken.heard(self._now()))
        self._close_turn(reply, interrupted=False)
        if reply.ending:
            self.transfer_to = reply.tools.target
            self._spawn(self._hang_up(reply.ending))
        else:
            self._spawn(self._prime())

    def _report(self, reply: Reply, error: EngineError) -> None:
        self._emit(CallEvent.ERROR, reply.number, **error.as_dict())
        logger.warning("call %s: %s %s: %s", self._journal.call.id, error.stage, error.code, error.message)

    def _close_turn(self, reply: Reply, *, interrupted: bool) -> None:
        """Record the turn and put what was heard, and only that, into the history."""
        self._reply = None
        if reply.user_text:
            self._unheard.understood()
            self._screen.take(reply.user_text, Why.NONE, self._now())
        at_ms = max(0, round(self._recorder.spoken_at(reply.speech_start_ms)))
        # What was typed has no sound to measure from.
        recorded_ms = None
        if not reply.keyed:
            said_until = reply.timeline.speech_end
            recorded_ms = self._recorder.voice_to_voice(at_ms, said_until, reply.answered_from)
        record = reply.record(self._now(), at_ms, recorded_ms, interrupted=interrupted)
        record = replace(record, usage=self._engines.usage.take())
        offered = reply.tools.asks or self._desk.offered_by(record.heard_text, record.user_text)
        # "Again?" and "one moment" answer no question: it stays.
        self._pending_tool = offered or (reply.pending if reply.manner else None)
        self._speculation.end_turn()
        self._holding = reply.manner is Manner.WAIT
        self._listening = reply.listens
        self._memory.take(reply, record)
        self._turn_number += 1
        self._journal.add(record)

    async def _prime(self) -> None:
        try:
            # With the beginning that every question has: what is read ahead need not be read then.
            begun = prompt.question("")
            messages = prompt.conversation(self.plan.system_prompt, self._memory.messages, begun)
            await self._engines.llm.prime(messages, self._desk.definitions)
        except EngineError as exc:
            logger.info("call %s: the prompt could not be read ahead: %s", self._journal.call.id, exc.message)

    # -- keys ---------------------------------------------------------------

    def key(self, key: str) -> None:
        """Stop what is being said, and listen for what else is typed."""
        self._emit(CallEvent.DTMF, digit=key)
        if self._closing:
            return
        self._input_until = self._now()
        keys = self._keypad.press(key)
        if keys is None and not self._keypad.typing:
            return
        self._timers.cancel("silence")
        self._idle.understood()
        reply = self._reply
        if reply is None:
            if self._speaker.busy:
                self._floor.release()
                self._announcer.cut()
        elif reply.done and not self._speaker.busy:
            self._finish_turn(reply)
        elif reply.error or reply.spoken.was_sent or reply.tools.acted:
            self._interrupt(reply)
        elif reply.committed:
            self._floor.release()
            self._speaker.silence()
            self._carry(reply)
            if reply.keyed and reply.keyed.chosen:
                self._typed = ""  # another choice
        if keys is None:
            self._timers.set("keys", self._keypad.wait_s, lambda: self._on_keys(self._keypad.take()))
        else:
            self._on_keys(keys)

    def _on_keys(self, keys: str) -> None:
        """Answer what was typed, ``keys`` last, behind what the caller is saying."""
        self._timers.cancel("keys")
        keys = self._typed + keys
        self._typed = keys if self._turns.speaking else ""
        if self._typed or self._closing:
            return
        now, meant = self._recorder.caller_ms, keyed(keys, self.plan.menu, self.plan)
        start_ms = now if self._carry_from_ms is None else self._carry_from_ms
        plain = self._carry_from_ms is not None and keys not in self.plan.menu
        audio = self._said(start_ms, now) if plain else b""
        self._carry_from_ms = None
        self._begin_reply(start_ms, audio, self._input_until, meant).commit(self._now())

    # -- fixed sentences, silence and limits ----------------------------------

    async def _greet(self) -> None:
        self._spawn(self._prime())
        self._greeted = await self._say_to_silence(self.plan.greeting)
        self._expect_speech()

    async def _say_to_silence(self, text: str) -> bool:
        """Say a fixed sentence to its end, unless the caller speaks, or was answered, before it is there."""
        turn = self._turn_number
        said = await self._announcer.say(text, lambda: self._turn_number == turn and self._caller_is_silent())
        await self._speaker.drained()
        self._announcer.said()
        return said

    def _caller_is_silent(self) -> bool:
        return self._reply is None and not self._turns.speaking

    def frame_sent(self) -> None:
        """Note that a frame of the assistant's went out."""
        reply = self._reply
        if reply and reply.spoken.was_sent and not reply.announced:
            reply.announced = True
            self._emit(CallEvent.REPLY_STARTED, reply.number)

    def _expect_speech(self) -> None:
        seconds = self.plan.hold_seconds if self._holding else self.plan.silence_seconds
        if self._listening:
            seconds = GO_ON_S
        self._timers.set("silence", seconds, self._on_silence)

    def _on_silence(self) -> None:
        if self._speaker.busy or not self._caller_is_silent():
            self._timers.set("silence", RECHECK_S, self._on_silence)
            return
        self._holding = False
        if self._listening:
            self._listening = False
            self._spawn(self._prompt(answering.GO_ON))
            return
        match self._idle.lapsed(self._now(), music=self._near_end.music()):
            case Next.WAIT:
                self._expect_speech()
            case Next.PROMPT:
                self._near_end.relax()
                self._emit(CallEvent.SILENCE_PROMPT, count=self._idle.count)
                self._spawn(self._prompt(self.plan.silence_prompt))
            case Next.GOODBYE:
                self._spawn(self.say_goodbye(EndReason.SILENCE))

    async def _prompt(self, text: str) -> None:
        await self._say_to_silence(text)
        self._expect_speech()

    async def say_goodbye(self, reason: EndReason) -> None:
        """Say so, and end the call; one that was ended for silence goes on if the caller speaks after all."""
        self._timers.cancel("silence")
        self._closing = reason is not EndReason.SILENCE or self._idle.given_up
        if self._reply and self._reply.committed:
            self._interrupt(self._reply)
        else:
            self._withdraw()
            self._floor.release()
            self._speaker.silence()
        await self._announcer.say(self.plan.goodbye)
        await self._speaker.drained()
        if self._closing or self._caller_is_silent():
            await self._hang_up(reason)
        else:
            self._expect_speech()


_HANDLERS = {
    Turn.SPEECH_STARTED: Conversation._on_speech_started,
    Turn.PAUSED: Conversation._on_paused,
    Turn.RESUMED: Conversation._on_resumed,
    Turn.ENDED: Conversation._on_ended,
}
