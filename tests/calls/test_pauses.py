"""What is known of a pause, and when it is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

from aiker.calls.end_of_turn import EndOfTurn
from aiker.calls.pauses import PauseJudge
from aiker.calls.turn_model import OnAnswer, TurnModel
from aiker.calls.turn_taking import Turn, TurnSettings, TurnTaking


class ScriptedModel(TurnModel):
    """Keeps whom to tell; the test says when and what."""

    def __init__(self) -> None:
        super().__init__(lambda _mulaw: 0.0)
        self.asked: list[OnAnswer] = []

    def ask(self, _mulaw: bytes, _loop: asyncio.AbstractEventLoop, on_answer: OnAnswer) -> None:
        self.asked.append(on_answer)


class Pausing:
    """A caller who has just paused, with the judge of it."""

    def __init__(self, *, with_model: bool = True) -> None:
        self.turns = TurnTaking(TurnSettings())
        self.model = ScriptedModel()
        loop: Any = None  # only passed on
        self.judge = PauseJudge(self.turns, EndOfTurn(250, 1500), self.model if with_model else None, loop)
        self.now = 0.0
        self.plays(480, 0.95)
        self.plays(64, 0.02)
        self.judge.begin(b"", dictating=False)

    def plays(self, ms: float, probability: float) -> list[Turn]:
        decisions = []
        for _ in range(round(ms / 32)):
            decisions += self.turns.step(self.now, 32, probability, assistant_audible=False)
            self.now += 32
        return [decision.kind for decision in decisions]

    def ends_after(self) -> float:
        """The silence in ms, beyond the first 64, after which the turn ends."""
        began = self.now
        while Turn.ENDED not in self.plays(32, 0.02):
            assert self.now < 10_000
        return self.now - began


def test_the_sound_that_comes_after_the_words_changes_the_wait() -> None:
    pausing = Pausing()
    assert pausing.judge.heard("我要订周一周二")
    pausing.model.asked[0](0.02)
    assert pausing.judge.as_dict() == {"silence_ms": 1000, "words": "unclear", "sound": 0.02}
    assert pausing.ends_after() == 1024 - 64


def test_words_that_are_unfinished_are_not_all() -> None:
    pausing = Pausing(with_model=False)
    assert not pausing.judge.heard("我想问一下那个")
    assert not pausing.judge.heard("")
    assert pausing.judge.as_dict() == {"silence_ms": 750, "words": "unclear", "sound": None}


def test_a_sound_of_the_pause_before_is_not_taken_for_this_one() -> None:
    pausing = Pausing()
    pausing.plays(480, 0.95)
    pausing.plays(64, 0.02)
    pausing.judge.begin(b"", dictating=False)
    pausing.judge.heard("你们几点开门")
    pausing.model.asked[0](0.01)
    assert pausing.judge.as_dict()["sound"] is None
    assert pausing.ends_after() == 256 - 64


def test_a_model_that_failed_is_no_evidence() -> None:
    pausing = Pausing()
    pausing.judge.heard("你们几点开门")
    pausing.model.asked[0](None)
    assert pausing.ends_after() == 256 - 64
