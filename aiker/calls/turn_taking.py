"""Whose turn is it? A pure state machine over speech probabilities.

::

    turns = TurnTaking(TurnSettings())
    for start_ms, probability in windows:          # one per 32 ms of caller audio
        for decision in turns.step(start_ms, 32, probability, assistant_audible=False):
            ...
    turns.require(250)       # in a pause: this much silence is enough, what was said is a whole sentence

A turn that is too long, as a television's, ends in the middle of its speech: its words tell what it was. What
goes on behind it begins no turn before it pauses. Time is the caller's audio time in ms; no clock, no I/O, so
tests script it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

MOST_OVER_MS = 1500.0  # that may be required over the longest pause, where more is to come


class Turn(StrEnum):
    """What the state machine decided."""

    SPEECH_STARTED = "speech_started"  # the caller began to speak
    PAUSED = "paused"  # a short silence: worth guessing that the turn is over
    RESUMED = "resumed"  # the caller went on after PAUSED: withdraw the guess
    ENDED = "ended"  # the turn is over


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision and the utterance it is about: [speech_start_ms, speech_end_ms) of caller audio."""

    kind: Turn
    at_ms: float
    speech_start_ms: float
    speech_end_ms: float


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Times in ms of audio, probabilities from 0 to 1."""

    speech_probability: float = 0.5
    silence_probability: float = 0.35
    start_ms: float = 96
    barge_in_ms: float = 64  # less than a start: the reply is only held, see ``barge_in``
    pause_ms: float = 64
    longest_pause_ms: float = 1500
    longest_speech_ms: float = 20_000  # without any pause: nobody has so much breath
    longest_turn_ms: float = 40_000
    passed_pause_ms: float = 320  # behind a turn that was ended for its length


class _State(Enum):
    SILENT = 0
    SPEAKING = 1
    PAUSED = 2
    PASSED = 3  # speech goes on behind a turn that was ended for its length


class TurnTaking:
    """Turn windows of (time, speech probability) into decisions."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._state = _State.SILENT
        self._run_ms = 0.0  # speech gathered towards a start, while silent
        self._start_ms = 0.0
        self._end_ms = 0.0
        self._paused_ms = 0.0  # end of the last pause, or the start
        self._needed_ms = settings.longest_pause_ms

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun that has not ended."""
        return self._state in (_State.SPEAKING, _State.PAUSED)

    @property
    def in_speech(self) -> bool:
        """Whether the caller is in the middle of speech, not in a pause."""
        return self._state is _State.SPEAKING

    def require(self, silence_ms: float) -> None:
        """End the turn at the next window with ``silence_ms`` of silence behind the speech.

        Holds for the present pause, and may be called again as more becomes known; each pause begins with the
        longest.
        """
        self._needed_ms = min(silence_ms, self._settings.longest_pause_ms + MOST_OVER_MS)

    def step(
        self, window_start_ms: float, window_ms: float, probability: float, *, assistant_audible: bool
    ) -> list[Decision]:
        """Take the next window and return the decisions it leads to, in order.

        While ``assistant_audible`` less speech makes a start, which then only holds the reply.
        """
        now = window_start_ms + window_ms
        if self._state is _State.SILENT:
            return self._listen(window_start_ms, now, probability, assistant_audible)
        if self._state is _State.PASSED:
            return self._pass_over(now, probability)
        return self._follow(now, probability)

    def forget(self) -> None:
        """Take what was heard since the last end for nothing."""
        self._state, self._run_ms = _State.SILENT, 0.0

    def _listen(
        self, start: float, now: float, probability: float, assistant_audible: bool
    ) -> list[Decision]:
        if probability < self._settings.speech_probability:
            # One doubtful window inside an onset does not start the count again.
            self._run_ms = max(0.0, self._run_ms - 2 * (now - start))
            return []
        if self._run_ms == 0:
            self._start_ms = start
        self._run_ms += now - start
        needed = self._settings.barge_in_ms if assistant_audible else self._settings.start_ms
        if self._run_ms < needed:
            return []
        self._state, self._end_ms, self._run_ms = _State.SPEAKING, now, 0.0
        self._paused_ms = self._start_ms
        return [self._decide(Turn.SPEECH_STARTED, now)]

    def _follow(self, now: float, probability: float) -> list[Decision]:
        speaking = probability >= (
            self._settings.silence_probability
            if self._state is _State.SPEAKING
            else self._settings.speech_probability
        )
        decisions: list[Decision] = []
        if speaking:
            self._end_ms = now
            if self._state is _State.PAUSED:
                self._state, self._paused_ms = _State.SPEAKING, now
                decisions.append(self._decide(Turn.RESUMED, now))
            if self._too_long(now):
                decisions.append(self._end(now))
                self._state = _State.PASSED
            return decisions
        silence = now - self._end_ms
        if self._state is _State.SPEAKING and silence >= self._settings.pause_ms:
            self._state = _State.PAUSED
            self._needed_ms = self._settings.longest_pause_ms
            decisions.append(self._decide(Turn.PAUSED, now))
        if self._state is _State.PAUSED and silence >= self._needed_ms:
            decisions.append(self._end(now))
        return decisions

    def _too_long(self, now: float) -> bool:
        settings = self._settings
        return (
            now - self._paused_ms >= settings.longest_speech_ms
            or now - self._start_ms >= settings.longest_turn_ms
        )

    def _pass_over(self, now: float, probability: float) -> list[Decision]:
        """Wait for a pause: what only goes on is part of what was judged."""
        if probability >= self._settings.silence_probability:
            self._end_ms = now
        elif now - self._end_ms >= self._settings.passed_pause_ms:
            self.forget()
        return []

    def _end(self, now: float) -> Decision:
        self._state = _State.SILENT
        return self._decide(Turn.ENDED, now)

    def _decide(self, kind: Turn, now: float) -> Decision:
        return Decision(kind, now, self._start_ms, self._end_ms)
