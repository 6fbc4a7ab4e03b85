"""What a caller of the Twilio wire hears, at samples of the call since its start, without a clock.

::

    playout = Playout()
    playout.media(now, pcm)              # a frame arrived: behind what still plays, else at once
    playout.mark(now, "m1")              # played when what was sent before it has been
    names = playout.clear(now)           # nothing more plays; marks still waiting come back at once
    names = playout.marks_played(now)
    heard = playout.heard(now)           # int16 at 8 kHz, all of it since the start

Positions are samples at 8 kHz. Source: Twilio's Media Streams, "WebSocket messages", `mark` and `clear`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiker.audio.g711 import RATE
from bench.line.network import stretches

GROWS_BY = 60 * RATE


class Playout:
    """See the module."""

    def __init__(self) -> None:
        self._pcm = np.zeros(GROWS_BY, np.int16)
        self._end = 0
        self._marks: list[tuple[int, str]] = []
        self.clears: list[int] = []

    def media(self, now: int, pcm: NDArray[np.int16]) -> None:
        """Queue what arrived at `now`."""
        start = max(self._end, now)
        self._reach(start + len(pcm))
        self._pcm[start : start + len(pcm)] = pcm
        self._end = start + len(pcm)

    def mark(self, now: int, name: str) -> None:
        """Queue a mark behind what is still to be played."""
        self._marks.append((max(self._end, now), name))

    def clear(self, now: int) -> list[str]:
        """Drop what has not been played at `now`; return the names of the marks that waited."""
        self._pcm[now : max(self._end, now)] = 0
        self._end = min(self._end, now)
        self.clears.append(now)
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def marks_played(self, now: int) -> list[str]:
        """Return, once each, the names of the marks that were reached by `now`."""
        names = [name for at, name in self._marks if at <= now]
        self._marks = [mark for mark in self._marks if mark[0] > now]
        return names

    def heard(self, now: int) -> NDArray[np.int16]:
        """Return what was heard up to `now`."""
        self._reach(now)
        return self._pcm[:now]

    def _reach(self, length: int) -> None:
        if length > len(self._pcm):
            more = np.zeros(length - len(self._pcm) + GROWS_BY, np.int16)
            self._pcm = np.concatenate([self._pcm, more])


def silent_after_ms(heard: NDArray[np.int16], since_ms: float) -> float:
    """Return how long after `since_ms` the sound that was playing then went on; 0 where none was."""
    playing = [end for start, end in stretches(heard) if start <= since_ms <= end]
    return playing[0] - since_ms if playing else 0.0


def longest_silence_ms(heard: NDArray[np.int16], since_ms: float) -> float:
    """Return the longest time without sound from `since_ms` to the end of what was heard."""
    at, longest = since_ms, 0.0
    for start, end in stretches(heard, gap_ms=100):
        if end > since_ms:
            longest, at = max(longest, start - at), end
    return max(longest, len(heard) * 1000 / RATE - at)
