"""The way into a call: what arrives is kept and scored for speech, in its place by the wall clock.

::

    hearing = Hearing(recorder, timers, now)
    hearing.begin(vad_stream)              # the call was answered: from now on time goes by
    hearing.take(AudioIn(mulaw, at_ms=1000))
    hearing.place(start_ms)                # of what the detector heard, in the caller's audio
    hearing.end()                          # what was dropped is told

``JitterBuffer`` decides; this ties it to the recorder, the detector and the clock.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from aiker.audio import g711
from aiker.calls import observing
from aiker.calls.allowance import Allowance
from aiker.calls.jitter_buffer import JitterBuffer, Piece
from aiker.calls.recorder import Recorder
from aiker.calls.timers import Timers
from aiker.calls.vad import WINDOW
from aiker.calls.wire.base import TOO_FAST, AudioIn, WireError

logger = logging.getLogger(__name__)

MOST_AT_ONCE_MS = 30_000  # behind a network that stood still
MOST_PER_SECOND_MS = 2000  # a carrier may send everything twice
_PER_MS = g711.RATE // 1000
_SPLICES = 64


class Detector(Protocol):
    """What scores audio for speech (``vad.VadStream``)."""

    def feed(self, mulaw: bytes) -> None: ...


class Hearing:
    """See the module. ``now`` is ms since the call was answered."""

    def __init__(self, recorder: Recorder, timers: Timers, now: Callable[[], float]) -> None:
        self._recorder = recorder
        self._timers = timers
        self._now = now
        self._buffer = JitterBuffer()
        self._allowance = Allowance(MOST_AT_ONCE_MS, MOST_PER_SECOND_MS)
        self._detector: Detector | None = None
        self._fed = 0  # samples that the detector was given
        # From which of those on what comes belongs where: late speech is scored when it comes.
        self._splices: deque[tuple[int, int]] = deque([(0, 0)], maxlen=_SPLICES)
        self._told = (0, 0)

    def begin(self, detector: Detector) -> None:
        """Listen with ``detector``, and hear silence when nothing comes."""
        self._detector = detector
        self._wait()

    def take(self, audio: AudioIn) -> None:
        """Hear what arrived; WireError when it is more than any telephone sends."""
        now = self._now()
        if not self._allowance.take(len(audio.payload) / _PER_MS, now):
            raise WireError("audio arrives faster than real time", TOO_FAST)
        self._hear(
            self._buffer.arrive(
                audio.payload, now, at_ms=audio.at_ms, chunk=audio.chunk, lost_ms=audio.lost_ms
            )
        )

    def place(self, heard_ms: float) -> float:
        """Return where in the caller's audio the ms are that the detector heard at ``heard_ms``."""
        if len(self._splices) == 1:
            return heard_ms
        heard = heard_ms * _PER_MS
        start, at = next((s for s in reversed(self._splices) if s[0] <= heard), self._splices[0])
        return (at + heard - start) / _PER_MS

    def end(self) -> None:
        """Tell what nobody heard; the call is over."""
        self._detector = None
        self._tell()

    def _tick(self) -> None:
        self._hear(self._buffer.tick(self._now()))
        self._tell()
        self._wait()

    def _wait(self) -> None:
        now = self._now()
        self._timers.set("line", max(0.001, (self._buffer.next_tick(now) - now) / 1000), self._tick)

    def _hear(self, pieces: Iterable[Piece]) -> None:
        if self._detector is None:
            return
        for piece in pieces:
            self._recorder.hear(piece.mulaw, piece.at / _PER_MS)
            if not piece.listen:
                continue
            start, at = self._splices[-1]
            if at + self._fed - start != piece.at:
                # No window may be of two places: what it starts would seem to be at the first of them.
                self._feed(g711.SILENCE * (-self._fed % WINDOW))
                self._splices.append((self._fed, piece.at))
            self._feed(piece.mulaw)
        self._recorder.tie(self._buffer.anchor_ms)

    def _feed(self, mulaw: bytes) -> None:
        if self._detector:
            self._fed += len(mulaw)
            self._detector.feed(mulaw)

    def _tell(self) -> None:
        counts = self._buffer.counts
        dropped = counts.repeated, counts.surplus
        for reason, samples, told in zip(("repeated", "surplus"), dropped, self._told, strict=True):
            if samples > told:
                frames = (samples - told) // g711.FRAME_BYTES or 1
                observing.frames_dropped.send_robust(sender=None, reason=reason, frames=frames)
        self._told = dropped
