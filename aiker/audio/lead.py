"""Silence before speech, cut while the speech still arrives.

::

    cutter = LeadCutter(24_000)
    for pcm in pieces:
        play(cutter.feed(pcm))     # nothing until something is audible
    play(cutter.finish())
"""

from __future__ import annotations

import numpy as np

from aiker.audio.g711 import Pcm
from aiker.audio.levels import FLOOR_DBFS

KEPT_MS = 20  # a consonant begins softly
MOST_MS = 1000
"""So much is cut at most: a voice this quiet for longer is quiet, not late."""
_WINDOW_MS = 5
_FLOOR = 32768 * 10 ** (FLOOR_DBFS / 20)


class LeadCutter:
    """Takes s16 mono at ``rate`` Hz; what follows the first audible 5 ms passes untouched."""

    def __init__(self, rate: int) -> None:
        self._window = rate * _WINDOW_MS // 1000
        self._kept, self._most = rate * KEPT_MS // 1000, rate * MOST_MS // 1000
        self._held = np.zeros(0, np.int16)
        self._cut = 0
        self._begun = False

    def feed(self, pcm: Pcm) -> Pcm:
        """Return what of ``pcm``, and of what was held back before, is to be played."""
        if self._begun:
            return pcm
        held = np.concatenate([self._held, pcm])
        start = self._onset(held)
        if start is None and self._cut + len(held) < self._most:
            # The last windows may be the beginning of a consonant.
            rest = max(0, len(held) // self._window * self._window - self._kept)
            self._cut, self._held = self._cut + rest, held[rest:]
            return held[:0]
        self._begun = True
        return held[max(0, (start or 0) - self._kept) :]

    def finish(self) -> Pcm:
        """Return what is still held back: the end of a text without a sound."""
        held, self._held = self._held, self._held[:0]
        return held[:0] if self._begun else held

    def _onset(self, pcm: Pcm) -> int | None:
        windows = pcm[: len(pcm) // self._window * self._window].reshape(-1, self._window).astype(np.float32)
        loud = np.flatnonzero(np.sqrt(np.mean(windows**2, axis=1)) > _FLOOR)
        return int(loud[0]) * self._window if loud.size else None
