"""What is done about a call in which nothing is understood: wait, ask, or say goodbye. Pure.

::

    idle = Idle(prompts=2)
    idle.understood()                          # a turn had words that mean something
    idle.announced(now_ms)                     # the far side said that it puts us on hold
    idle.lapsed(now_ms, music=False)           # Next.PROMPT: nothing was for as long as the assistant waits

Noises, 嗯 and whatever else is not understood count for nothing, so that no sound keeps a call alive. A far
side that holds the line, which an announcement or music tells, is left alone for ``LONGEST_HOLD_MS``.
"""

from __future__ import annotations

from enum import StrEnum

LONGEST_HOLD_MS = 300_000.0
MOST_GOODBYES = 2


class Next(StrEnum):
    """What is to be done now."""

    WAIT = "wait"
    PROMPT = "prompt"
    GOODBYE = "goodbye"


class Idle:
    """See the module. ``prompts`` are made before goodbye is said; ``count`` is how many there were."""

    def __init__(self, prompts: int) -> None:
        self.count = 0
        self._prompts = prompts
        self._announced_ms: float | None = None
        self._music_ms: float | None = None

    @property
    def given_up(self) -> bool:
        """Whether goodbye was said so often that a sound does not keep the call any more."""
        return self.count > self._prompts + MOST_GOODBYES

    @property
    def on_hold(self) -> bool:
        """Whether the far side holds the line, as far as is known."""
        return self._announced_ms is not None or self._music_ms is not None

    def understood(self) -> None:
        self.count = 0
        self._announced_ms = self._music_ms = None

    def announced(self, now_ms: float) -> None:
        if self._announced_ms is None:
            self._announced_ms = now_ms

    def lapsed(self, now_ms: float, *, music: bool) -> Next:
        """Decide, when nothing was understood for as long as is waited; ``music`` was heard until now."""
        if not music:
            self._music_ms = None
        elif self._music_ms is None:
            self._music_ms = now_ms
        since = min((ms for ms in (self._announced_ms, self._music_ms) if ms is not None), default=None)
        if since is not None and now_ms - since < LONGEST_HOLD_MS:
            return Next.WAIT
        self.count += 1
        return Next.PROMPT if self.count <= self._prompts and since is None else Next.GOODBYE
