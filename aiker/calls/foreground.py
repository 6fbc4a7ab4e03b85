"""Is it the caller who speaks, or somebody behind: a television, a colleague? Told by the level. Pure.

::

    foreground = Foreground()
    for power, probability in windows:           # each 32 ms: mean square, 1 = full scale; speech probability
        own = foreground.window(power, voiced=probability >= 0.35, in_turn=False, audible=False)
    foreground.accepted()                        # the turn had words: that is the level of this caller
    foreground.relax()                           # nobody was heard for long: the caller may be softer now

Levels are dBFS of the mean of three windows, whose peaks are 2 to 6 dB over the active level of a sentence
(RMS of its speech). What counts:

- Nothing below ``FLOOR_DB``: a caller at -42 dBFS is heard, a television 30 dB under one at -20 is not. Into
  a greeting, while the caller is not known yet, ``GREETING_DB``: 20 dB under such a caller is not.
- Once known, nothing softer than ``UNDER_CALLER_DB`` below the caller.
- Within a turn, speech ``UNDER_TURN_DB`` below that of the turn itself is silence. A syllable may be that
  soft, so it takes ``GRACE_WINDOWS`` of it.
"""

from __future__ import annotations

import math

FLOOR_DB = -44.0
GREETING_DB = -35.0
UNDER_CALLER_DB = 12.0
UNDER_TURN_DB = 16.0
HYSTERESIS_DB = 5.0  # a turn that has begun may end softer than another begins
LOUDEST_CALLER_DB = -20.0  # a shout, or a slam taken for words, must not make the caller's voice a background
GRACE_WINDOWS = 5  # 160 ms
_GRACE_DB = 12.0
_APART_WINDOWS = 10  # of silence behind sounds that did not become a turn
_RELAX_DB = 6.0
_ANOTHER = 10**1.2  # this much louder is another voice
_LEARNING = 0.5  # of the difference to a softer turn


def dbfs(power: float) -> float:
    """Return the level of a mean square, in dB relative to full scale."""
    return 10 * math.log10(max(power, 1e-12))


class Foreground:
    """See the module. ``caller_db`` is the caller's active level, None before anything was understood."""

    def __init__(self) -> None:
        self.caller_db: float | None = None
        self._before = (0.0, 0.0)  # power of the last two windows
        self._total, self._count = 0.0, 0  # of the speech of this turn
        self._since = 0  # windows behind the last of it
        self._was_in_turn = False
        self._last_db: float | None = None

    def window(self, power: float, *, voiced: bool, in_turn: bool, audible: bool) -> bool:
        """Take the next window; say whether what speech it holds is the caller's.

        ``in_turn`` says whether an utterance has begun, ``audible`` whether the assistant is heard.
        """
        level = dbfs((power + sum(self._before)) / 3)
        self._before = (self._before[1], power)
        if self._was_in_turn and not in_turn:
            self._last_db = self._turn_db
        if not in_turn and (self._was_in_turn or self._since > _APART_WINDOWS):
            self._total, self._count = 0.0, 0
        self._was_in_turn = in_turn
        turn_db = self._turn_db if in_turn else None
        threshold = self._onset(audible) if turn_db is None else self._within(turn_db)
        self._since += 1
        if level < threshold:
            return in_turn and self._since <= GRACE_WINDOWS and level >= threshold - _GRACE_DB
        if voiced:
            self._count_in(power)
        return True

    def _count_in(self, power: float) -> None:
        self._since = 0
        if power * self._count > self._total * _ANOTHER:  # a television began this turn, or a breath
            self._total, self._count = 0.0, 0
        self._total, self._count = self._total + power, self._count + 1

    def accepted(self) -> None:
        """Learn the caller's level from the turn so far, or the last one."""
        heard_db = self._turn_db if self._was_in_turn else self._last_db
        if heard_db is None:
            return
        level = min(LOUDEST_CALLER_DB, heard_db)
        if self.caller_db is None or level > self.caller_db:
            self.caller_db = level
        else:
            self.caller_db += _LEARNING * (level - self.caller_db)

    def relax(self) -> None:
        """Listen for a softer voice."""
        if self.caller_db is not None:
            self.caller_db -= _RELAX_DB

    def _onset(self, audible: bool) -> float:
        if self.caller_db is None:
            return GREETING_DB if audible else FLOOR_DB
        return max(FLOOR_DB, self.caller_db - UNDER_CALLER_DB)

    def _within(self, turn_db: float) -> float:
        return max(self._onset(audible=False) - HYSTERESIS_DB, turn_db - UNDER_TURN_DB)

    @property
    def _turn_db(self) -> float | None:
        return dbfs(self._total / self._count) if self._count else None
