"""Is the caller taking the floor? A pure state machine over what is known of a sound during the reply.

::

    barge_in = BargeIn(BargeInSettings(), voiced_ms=64)   # the reply has just been held
    for probability in windows:                           # one per 32 ms of caller audio
        match barge_in.step(32, probability):
            case Act.RECOGNISE: ...                       # transcribe what was said so far
            case Act.WITHDRAW: ...                        # the caller goes on: that transcript is stale
            case Act.INTERRUPT | Act.RESUME: ...          # the verdict
    barge_in.words("嗯")                                  # the transcript came: Act.RESUME

The evidence, in the order it comes: how long there was speech, and then what it said.

- Less speech than the shortest word has is a noise: the reply goes on at once.
- More than a backchannel has is an interruption, whatever it says.
- Between the two the words decide (``backchannel.meaning``), or the length again when they do not come.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aiker.calls.backchannel import Meaning, agrees, meaning


class Act(StrEnum):
    """What is to be done now."""

    RECOGNISE = "recognise"
    WITHDRAW = "withdraw"
    RESUME = "resume"
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True)
class BargeInSettings:
    """Times in ms of the caller's audio, probabilities from 0 to 1.

    The detector holds on for about 100 ms behind the last sound, which is part of each length here.
    """

    speech_probability: float = 0.5
    silence_probability: float = 0.35
    word_ms: float = 160  # a quick 嗯 has 250
    noise_silence_ms: float = 64
    pause_ms: float = 96
    backchannel_ms: float = 960  # 好的好的 has 800
    patience_ms: float = 1200  # how long a transcript is waited for while nothing is heard
    unknown_ms: float = 450  # speech that interrupts when there is no transcript


class BargeIn:
    """One sound during a reply, from the moment the reply was held."""

    def __init__(self, settings: BargeInSettings, voiced_ms: float, *, question: bool = False) -> None:
        """``voiced_ms`` of speech made the reply be held; ``question``: it was asking for a yes just then."""
        self.voiced_ms = voiced_ms
        self.meaning: Meaning | None = None
        self._settings = settings
        self._question = question
        self._silence_ms = 0.0
        self._recognising = False

    def step(self, window_ms: float, probability: float) -> Act | None:
        """Take the next window of the caller's audio; nothing is asked for after the verdict."""
        if self.meaning is not None:
            return None
        settings = self._settings
        silent = self._silence_ms > 0
        if probability >= (settings.speech_probability if silent else settings.silence_probability):
            return self._speech(window_ms)
        self._silence_ms += window_ms
        if self._recognising:
            overdue = self._silence_ms - settings.pause_ms >= settings.patience_ms
            return self._without_words() if overdue else None
        if self.voiced_ms < settings.word_ms:
            if self._silence_ms < settings.noise_silence_ms:
                return None
            self.meaning = Meaning.NOISE
            return Act.RESUME
        if self._silence_ms < settings.pause_ms:
            return None
        self._recognising = True
        return Act.RECOGNISE

    def words(self, text: str | None) -> Act:
        """Judge the transcript of what was said; None when recognition failed."""
        if text is None:
            return self._without_words()
        self.meaning = meaning(text, self.voiced_ms)
        answer = self._question and self.meaning is Meaning.BACKCHANNEL and agrees(text)
        return Act.INTERRUPT if answer or self.meaning is Meaning.WORDS else Act.RESUME

    def _speech(self, window_ms: float) -> Act | None:
        self._silence_ms = 0.0
        self.voiced_ms += window_ms
        if self.voiced_ms >= self._settings.backchannel_ms:
            self.meaning = Meaning.WORDS
            return Act.INTERRUPT
        if self._recognising:
            self._recognising = False
            return Act.WITHDRAW
        return None

    def _without_words(self) -> Act:
        if self.voiced_ms >= self._settings.unknown_ms:
            self.meaning = Meaning.WORDS
            return Act.INTERRUPT
        self.meaning = Meaning.NOISE
        return Act.RESUME
