"""Turn taking with scripted time."""

import pytest

from aiker.calls.turn_taking import Turn, TurnSettings, TurnTaking

WINDOW = 32.0


class Script:
    """Feeds stretches of speech and silence and keeps (decision, time)."""

    def __init__(self, **settings: float) -> None:
        self.turns = TurnTaking(TurnSettings(**settings))
        self.now = 0.0
        self.log: list[tuple[Turn, float]] = []
        self.decisions: list = []

    def play(self, ms: float, probability: float, *, audible: bool = False) -> "Script":
        for _ in range(round(ms / WINDOW)):
            for decision in self.turns.step(self.now, WINDOW, probability, assistant_audible=audible):
                self.log.append((decision.kind, decision.at_ms))
                self.decisions.append(decision)
            self.now += WINDOW
        return self

    def speech(self, ms: float, *, audible: bool = False) -> "Script":
        return self.play(ms, 0.95, audible=audible)

    def silence(self, ms: float) -> "Script":
        return self.play(ms, 0.02)


def test_an_utterance_starts_pauses_and_ends() -> None:
    script = Script().silence(320).speech(960).silence(1600)
    assert script.log == [
        (Turn.SPEECH_STARTED, 416),  # 96 ms of speech
        (Turn.PAUSED, 1344),  # 64 ms of silence
        (Turn.ENDED, 2784),  # 1504 ms of silence, the first window at or over 1500
    ]
    assert (script.decisions[-1].speech_start_ms, script.decisions[-1].speech_end_ms) == (320, 1280)


def test_a_short_pause_is_taken_back() -> None:
    script = Script().speech(640).silence(192).speech(640).silence(1600)
    assert [kind for kind, _ in script.log] == [
        Turn.SPEECH_STARTED,
        Turn.PAUSED,
        Turn.RESUMED,
        Turn.PAUSED,
        Turn.ENDED,
    ]
    assert script.decisions[-1].speech_start_ms == 0


def test_a_click_is_not_speech() -> None:
    assert Script().speech(64).silence(1000).speech(64).silence(1000).log == []


def test_a_doubtful_window_inside_an_onset_does_not_lose_it() -> None:
    script = Script().speech(64).play(32, 0.4).speech(128)
    assert script.log[0][0] is Turn.SPEECH_STARTED


@pytest.mark.parametrize(("spoken", "holds"), [(32, False), (64, True)])
def test_less_speech_is_needed_to_hold_the_reply(spoken: int, holds: bool) -> None:
    script = Script().speech(spoken, audible=True)
    assert bool(script.log) is holds


def test_what_was_nothing_is_forgotten() -> None:
    script = Script().speech(320)
    script.turns.forget()
    assert [kind for kind, _ in script.silence(960).log] == [Turn.SPEECH_STARTED]


def test_an_unfinished_turn_ends_at_the_limit() -> None:
    assert Script(longest_pause_ms=1000).speech(320).silence(960).log[-1][0] is Turn.PAUSED
    assert Script(longest_pause_ms=1000).speech(320).silence(1024).log[-1] == (Turn.ENDED, 1344)


@pytest.mark.parametrize(("known_after", "ends"), [(96, 256), (416, 448)])
def test_what_was_said_decides_how_much_silence_ends_a_turn(known_after: float, ends: float) -> None:
    """At once when the words are known later than the silence they ask for."""
    script = Script().speech(320).silence(known_after)
    script.turns.require(250)
    script.silence(640)
    assert script.log[-1] == (Turn.ENDED, 320 + ends)


def test_each_pause_is_judged_anew() -> None:
    script = Script().speech(320).silence(96)
    script.turns.require(250)
    script.speech(320).silence(640)
    assert script.log[-1][0] is Turn.PAUSED


def test_nothing_makes_a_pause_longer_than_the_limit() -> None:
    script = Script(longest_pause_ms=500).speech(320).silence(96)
    script.turns.require(9000)
    # 1500 ms over it, where more is to come: the groups of a number.
    assert script.silence(2400).log[-1] == (Turn.ENDED, 320 + 2016)


def test_speech_without_a_pause_ends_the_turn_and_begins_none_before_it_pauses() -> None:
    script = Script().speech(60_000)
    assert script.log == [(Turn.SPEECH_STARTED, 96), (Turn.ENDED, 20_000)]
    assert not script.turns.speaking
    script.silence(352).speech(128)
    assert [kind for kind, _ in script.log][2:] == [Turn.SPEECH_STARTED]


def test_a_long_story_with_breaths_is_one_turn_up_to_the_longest() -> None:
    script = Script()
    for _ in range(6):
        script.speech(6400).silence(96)
    assert Turn.ENDED not in [kind for kind, _ in script.log]
    script.speech(6400)
    assert script.log[-1] == (Turn.ENDED, 40_000)
