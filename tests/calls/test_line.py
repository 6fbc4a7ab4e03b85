"""The line between carrier and call: what it loses, repeats, delays and leaves out, on a scripted clock.

The wire, the jitter buffer, the session and the records are the real ones; speech is what is loud.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import wave
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.models import Assistant, Call, EndReason, Turn
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.session import CallSession
from aiker.calls.vad import WINDOW, WINDOW_MS
from aiker.calls.wire.base import Message
from aiker.calls.wire.twilio import TwilioWire
from tests.calls.scripted import LOUD, StandInEngines, call_engines, play

pytestmark = pytest.mark.django_db(transaction=True)

GREETING, STILL_THERE, GOODBYE, ANSWER = "您好。", "在吗？", "再见。", "九点开门。"


@pytest.fixture
def plan() -> CallPlan:
    anna = Assistant.objects.create(
        slug="anna", name="安娜", greeting=GREETING, silence_prompt=STILL_THERE, goodbye=GOODBYE
    )
    return plan_for(anna)


class LoudnessVad:
    """Takes what is loud for speech."""

    def open(self, _loop: Any, on_window: Callable[[float, float], None]) -> LoudnessVad:
        self._on_window, self._left, self._windows = on_window, b"", 0
        return self

    def feed(self, mulaw: bytes) -> None:
        self._left += mulaw
        while len(self._left) >= WINDOW:
            window, self._left = self._left[:WINDOW], self._left[WINDOW:]
            loud = WINDOW - window.count(g711.SILENCE)
            self._on_window(self._windows * WINDOW_MS, 0.95 if loud > WINDOW / 3 else 0.02)
            self._windows += 1

    def close(self) -> None:
        self._on_window = lambda *_: None


class WireCall:
    """A carrier's call: ``await call.passes(2.0, speaks=True)`` sends 20 ms messages as ``line`` has it.

    ``line`` returns by how many ms each copy of a message is late.
    """

    def __init__(
        self,
        plan: CallPlan,
        engines: StandInEngines,
        line: Callable[[int, bool], list[int]] = lambda _number, _loud: [0],
        numbers: tuple[str, ...] = ("timestamp", "chunk"),
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.spoke_until_ms: list[float] = []
        self._line, self._numbers = line, numbers
        self._frames = 0
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        everything = call_engines(engines, LoudnessVad())
        self.session = CallSession(plan, everything, TwilioWire(), self._send, self._close)
        self._receive({"event": "start", "streamSid": "MZ1", "start": {"callSid": "CA1"}})

    @property
    def now_ms(self) -> float:
        return (self._loop.time() - self._zero) * 1000

    async def passes(self, seconds: float, *, speaks: bool = False) -> None:
        for _ in range(round(seconds * 50)):
            number, self._frames = self._frames, self._frames + 1
            due = self._zero + self._frames * 0.02
            await asyncio.sleep(due - self._loop.time())
            payload = base64.b64encode((LOUD if speaks else g711.SILENCE) * 160).decode()
            told = {"timestamp": str(number * 20), "chunk": str(number + 1)}
            media = {"payload": payload} | {name: told[name] for name in self._numbers}
            for late_ms in self._line(number, speaks):
                message = {"event": "media", "media": media}
                self._loop.call_later(late_ms / 1000, self._receive, message)
        if speaks:
            self.spoke_until_ms.append(self._frames * 20)

    def presses(self, key: str) -> None:
        self._receive({"event": "dtmf", "dtmf": {"digit": key}})

    async def ended(self) -> int | None:
        """Return the code that the far end closed with, when the record of the call is stored."""
        if self.closed is not None:
            await self.hangs_up()  # ended already: it waits for the record
        return self.closed

    async def hangs_up(self) -> None:
        await self.session.finish(EndReason.HUNG_UP, 1000)

    def heard_from(self, after_ms: float) -> float:
        """Return when the first sound behind ``after_ms`` was sent, in ms."""
        return next(m["at"] for m in self.sent if m["event"] == "media" and m["at"] >= after_ms)

    def clears(self) -> int:
        return sum(m["event"] == "clear" for m in self.sent)

    def _receive(self, message: dict[str, Any]) -> None:
        self.session.receive(text=json.dumps(message))

    async def _send(self, message: Message) -> None:
        told = json.loads(message)
        self.sent.append(told | {"at": self.now_ms})
        if told["event"] == "mark":
            self._receive({"event": "mark", "mark": told["mark"]})

    async def _close(self, code: int) -> None:
        self.closed = code


def silence_suppressed(_number: int, loud: bool) -> list[int]:
    return [0] if loud else []


def losing(share: float) -> Callable[[int, bool], list[int]]:
    rng = random.Random(3)
    return lambda _number, _loud: [] if rng.random() < share else [0]


def repeating(share: float) -> Callable[[int, bool], list[int]]:
    rng = random.Random(4)
    return lambda _number, _loud: [0, 1] if rng.random() < share else [0]


def reordering(share: float) -> Callable[[int, bool], list[int]]:
    """Let some messages be overtaken by one or two."""
    rng = random.Random(5)
    return lambda _number, _loud: [rng.choice([25, 45]) if rng.random() < share else 0]


NUMBERS = [
    pytest.param(("timestamp", "chunk"), id="timestamps"),
    pytest.param(("chunk",), id="chunks"),
    pytest.param((), id="no_numbers"),
]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_silence_not_sent_is_answered_like_silence_that_is(plan: CallPlan, numbers: tuple[str, ...]) -> None:
    """silence_not_sent"""

    async def scenario() -> None:
        waits = []
        for line in (silence_suppressed, lambda _number, _loud: [0]):
            call = WireCall(plan, StandInEngines(hears=["几点开门"], answers=[ANSWER]), line, numbers)
            await call.passes(2)
            await call.passes(1, speaks=True)
            await call.passes(4)
            await call.hangs_up()
            waits.append(call.heard_from(call.spoke_until_ms[0]) - call.spoke_until_ms[0])
        assert waits[0] - waits[1] <= 120

    play(scenario)
    assert Turn.objects.count() == 2
    for turn in Turn.objects.all():
        assert turn.at_ms == pytest.approx(2000, abs=60)
        assert turn.recorded_voice_to_voice_ms == pytest.approx(turn.voice_to_voice_ms, abs=60)


def test_a_caller_whose_silence_is_not_sent_is_prompted_and_said_goodbye_to(plan: CallPlan) -> None:
    """silence_not_sent, media_stops"""

    async def scenario() -> None:
        call = WireCall(plan, StandInEngines(), silence_suppressed)
        await call.passes(45)
        assert await call.ended() == 1000

    play(scenario)
    assert Call.objects.get().end_reason == "silence"


@pytest.mark.parametrize("numbers", NUMBERS)
def test_a_stream_that_stops_in_a_word_is_answered(plan: CallPlan, numbers: tuple[str, ...]) -> None:
    """media_stops"""

    async def scenario() -> None:
        call = WireCall(
            plan,
            StandInEngines(hears=["几点开门"], answers=[ANSWER]),
            lambda number, _loud: [0] if number < 150 else [],
            numbers,
        )
        await call.passes(2)
        await call.passes(2, speaks=True)  # of which one second arrives
        await call.passes(40)
        assert call.heard_from(3000) < 4500
        assert await call.ended() == 1000

    play(scenario)
    assert Turn.objects.get().heard_text == ANSWER
    assert Call.objects.get().end_reason == "silence"


async def five_minutes(call: WireCall) -> None:
    for _ in range(30):
        await call.passes(3)
        await call.passes(1, speaks=True)
        await call.passes(6)
    await call.hangs_up()


LINES = [
    pytest.param(losing(0.05), NUMBERS[0].values[0], id="lost_frames-5"),
    pytest.param(losing(0.2), NUMBERS[0].values[0], id="lost_frames-20"),
    pytest.param(losing(0.05), (), id="lost_frames-5-no_numbers"),
    pytest.param(losing(0.2), (), id="lost_frames-20-no_numbers"),
    pytest.param(repeating(0.2), NUMBERS[0].values[0], id="repeated_frames"),
    pytest.param(repeating(0.2), ("chunk",), id="repeated_frames-chunks"),
    pytest.param(reordering(0.2), NUMBERS[0].values[0], id="reordered"),
]


@pytest.mark.parametrize(("line", "numbers"), LINES)
def test_figures_are_true_after_five_minutes(plan: CallPlan, line: Any, numbers: tuple[str, ...]) -> None:
    spoken: list[float] = []
    heard: list[float] = []

    async def scenario() -> None:
        engines = StandInEngines(hears=["几点开门"] * 90, answers=[ANSWER] * 90)
        call = WireCall(plan, engines, line, numbers)
        await five_minutes(call)
        spoken.extend(call.spoke_until_ms)
        heard.extend(call.heard_from(end) for end in spoken)

    play(scenario)
    turns = list(Turn.objects.all())
    assert len(turns) == 30
    for turn, until_ms, first_ms in zip(turns, spoken, heard, strict=True):
        # The detector needs a window that is not half lost.
        assert turn.at_ms == pytest.approx(until_ms - 1000, abs=60 + 3 * WINDOW_MS)
        # Up to 120 ms of what is sent wait at the carrier.
        assert turn.voice_to_voice_ms == pytest.approx(first_ms - until_ms, abs=60)
        assert turn.recorded_voice_to_voice_ms == pytest.approx(turn.voice_to_voice_ms, abs=60)
    with wave.open(Call.objects.get().recording.open()) as file:
        caller = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)[:, 0]
    loud = np.flatnonzero(np.abs(caller) > 1000) / 8
    starts = [loud[0], *loud[1:][np.diff(loud) > 1000]]
    assert starts == pytest.approx([until - 1000 for until in spoken], abs=60)


def test_speech_that_a_network_held_back_is_answered_and_the_clock_goes_on(plan: CallPlan) -> None:
    """A stall of 2 s around a question: it is heard when it comes, and later ones are in time."""

    def stalled(number: int, _loud: bool) -> list[int]:
        return [max(0, 4200 - (number + 1) * 20)] if 100 <= number < 210 else [0]

    async def scenario() -> None:
        engines = StandInEngines(hears=["几点开门"] * 4, answers=[ANSWER] * 4)
        call = WireCall(plan, engines, stalled)
        await call.passes(2.5)
        await call.passes(1, speaks=True)
        await call.passes(8)
        await call.passes(1, speaks=True)
        await call.passes(4)
        await call.hangs_up()

    play(scenario)
    first, second = Turn.objects.all()
    assert first.at_ms == pytest.approx(2500, abs=60)
    assert (first.heard_text, second.heard_text) == (ANSWER, ANSWER)
    assert second.at_ms == pytest.approx(11_500, abs=60)


@pytest.mark.parametrize("keys", ["1", "42#"])
def test_what_is_typed_counts_from_its_last_key(plan: CallPlan, keys: str) -> None:
    """key_latency"""
    plan = replace(plan, greeting="")

    async def scenario() -> None:
        call = WireCall(plan, StandInEngines(answers=[ANSWER]))
        await call.passes(2)
        for key in keys:
            call.presses(key)
            await call.passes(0.3)
        pressed = call.now_ms - 300
        await call.passes(6)
        heard_ms.append(call.heard_from(pressed) - pressed)
        await call.hangs_up()

    heard_ms: list[float] = []
    play(scenario)
    assert Turn.objects.get().voice_to_voice_ms == pytest.approx(heard_ms[0], abs=60)


@pytest.mark.parametrize("made_s", [1.0, 8.0])
def test_a_caller_is_answered_or_greeted_but_not_greeted_into_a_talk(
    plan: CallPlan, monkeypatch: pytest.MonkeyPatch, made_s: float
) -> None:
    """late_greeting"""

    async def make(_self: Any, _tts: Any, text: str) -> bytes:
        await asyncio.sleep(made_s)
        return LOUD * len(text) * 1600

    monkeypatch.setattr(StandInEngines, "make", make, raising=False)
    texts: list[str] = []

    async def scenario() -> None:
        engines = StandInEngines(hears=["喂"] * 3, answers=[ANSWER] * 3, not_cached=[GREETING])
        call = WireCall(plan, engines)
        await call.passes(0.24)
        await call.passes(0.5, speaks=True)
        await call.passes(12)
        await call.hangs_up()
        texts.extend(e["text"] for e in call.session._journal._events if e["event"] == "reply_text")

    play(scenario)
    assert len(Turn.objects.all()) == 1
    assert GREETING not in texts


def test_a_noise_keeps_a_late_greeting_back_but_does_not_cost_it(
    plan: CallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """late_greeting"""

    async def make(_self: Any, _tts: Any, text: str) -> bytes:
        await asyncio.sleep(0.5)
        return LOUD * len(text) * 1600

    monkeypatch.setattr(StandInEngines, "make", make, raising=False)
    texts: list[str] = []

    async def scenario() -> None:
        call = WireCall(plan, StandInEngines(hears=[""] * 3, not_cached=[GREETING]))
        await call.passes(0.24)
        await call.passes(0.4, speaks=True)  # a cough
        await call.passes(5)
        await call.hangs_up()
        texts.extend(e["text"] for e in call.session._journal._events if e["event"] == "reply_text")

    play(scenario)
    assert texts == [GREETING]
