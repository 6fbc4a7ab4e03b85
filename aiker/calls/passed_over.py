"""Which words of the far side are no turn, and so are not answered. Pure.

::

    screen = Screen(idle)
    screen.why("请稍候，正在为您转接", asked=False)     # Why.ANNOUNCEMENT; "" for what is to be answered
    screen.take("请稍候，正在为您转接", why, now_ms)    # once, when the turn is over
"""

from __future__ import annotations

from enum import StrEnum

from aiker.calls.announcements import Repeats, is_announcement, is_hesitation
from aiker.calls.idle import Idle
from aiker.calls.manners import Manner, manner_of

_TIMES_ON_HOLD = 2  # what a line that is on hold says twice is a recording


class Why(StrEnum):
    """Why words are passed over; NONE is false."""

    NONE = ""
    ANNOUNCEMENT = "announcement"
    HESITATION = "hesitation"


class Screen:
    """See the module; ``idle`` knows whether the far side put us on hold, and is told."""

    def __init__(self, idle: Idle) -> None:
        self._idle = idle
        self._repeats = Repeats()
        self._hesitated = False

    def why(self, text: str, *, asked: bool) -> Why:
        """Return why ``text`` is no turn, if it is none; ``asked``: 嗯 may say yes to what was asked.

        To a question it says so once: who only ever says 嗯 is not talking to us.
        """
        on_hold = self._idle.on_hold
        repeated = self._repeats.again(text, _TIMES_ON_HOLD) if on_hold else self._repeats.again(text)
        if repeated or is_announcement(text) or (on_hold and manner_of(text) is Manner.WAIT):
            return Why.ANNOUNCEMENT
        if is_hesitation(text) and (self._hesitated or not asked):
            return Why.HESITATION
        return Why.NONE

    def take(self, text: str, why: Why, now_ms: float) -> None:
        """Note an utterance that is over."""
        self._repeats.take(text)
        self._hesitated = is_hesitation(text)
        if why is Why.ANNOUNCEMENT:
            self._idle.announced(now_ms)
        elif why is Why.NONE and not self._hesitated:
            self._idle.understood()
