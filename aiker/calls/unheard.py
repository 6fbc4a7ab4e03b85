"""Whether a caller who spoke without being understood is asked to say it again. Pure.

::

    unheard = Unheard()
    unheard.begin()                          # an utterance begins
    unheard.window(32, 0.97)                 # each window of it: ms, speech probability
    unheard.ask_again(no_speech_prob=0.1)    # no words were recognised: True asks again, False was a noise
    unheard.understood()                     # words were

A cough, a slam or a breath is too short. A television could go on for ever, so a caller is asked
``MAX_TIMES`` in a row only.
"""

from __future__ import annotations

MIN_SPEECH_MS = 500
SURELY_SPEECH_MS = 800  # whatever recognition says
SPEECH_PROBABILITY = 0.6
MAX_NO_SPEECH_PROBABILITY = 0.6  # above it, recognition itself says that nobody spoke
MAX_TIMES = 2


class Unheard:
    """See the module."""

    def __init__(self) -> None:
        self._speech_ms = 0.0
        self._times = 0

    def begin(self) -> None:
        self._speech_ms = 0.0

    def window(self, window_ms: float, probability: float) -> None:
        if probability >= SPEECH_PROBABILITY:
            self._speech_ms += window_ms

    def understood(self) -> None:
        self._times = 0

    def ask_again(self, no_speech_prob: float | None) -> bool:
        """Whether what had no words was speech; ``no_speech_prob`` is None where recognition does not say."""
        noise = no_speech_prob is not None and no_speech_prob > MAX_NO_SPEECH_PROBABILITY
        noise = noise and self._speech_ms < SURELY_SPEECH_MS
        if noise or self._speech_ms < MIN_SPEECH_MS or self._times >= MAX_TIMES:
            return False
        self._times += 1
        return True
