"""Audio on its way to the caller: paced, clearable, and accounted for to the millisecond.

::

    queue = PlayQueue()
    segment = Segment("您好，", bytearray(mulaw), closed=True)
    queue.append(segment)
    while (frame := queue.take(now_ms)) is not None:
        send(frame.payload)
    heard(segment, now_ms)           # "您好，" or the part of it that was played
    queue.hold(now_ms)               # the caller speaks: stop, but keep what was not played
    queue.resume()                   # it was nothing: go on from there

Pure: time is handed in. ``LEAD_MS`` of audio at most is with the carrier
ahead of its playing, so that a barge-in finds little to take back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from aiker.audio import g711
from aiker.audio.levels import quiet_place
from aiker.calls.marks import Marks

LEAD_MS = 120.0
FRAME_MS = float(g711.FRAME_MS)
RESUME_BACK_MS = 500  # how far back a resumed reply looks for a place between two syllables
CHARACTER_MS = 200  # of speech whose audio is still coming
_ROUNDING_MS = 1e-6  # of sums of times: a frame that is due by less would be asked for again and again
_RECENT = 16  # segments that may not be played yet though they were handed out


class Run(NamedTuple):
    """Samples of a segment that were handed to the wire in one go, the first to be played at ``at_ms``."""

    at_ms: float
    first: int
    samples: int

    def end(self, now_ms: float) -> int:
        """Return the sample behind the last one that was played by ``now_ms``."""
        return self.first + min(self.samples, max(0, round((now_ms - self.at_ms) * 8)))


@dataclass(slots=True, eq=False)
class Segment:
    """One clause of speech and when its audio is played."""

    text: str
    audio: bytearray = field(default_factory=bytearray)
    closed: bool = False
    runs: list[Run] = field(default_factory=list)  # a resumed reply repeats a little of what was played

    def played_samples(self, now_ms: float) -> int:
        """Return how far it was played by ``now_ms``, in samples from its start."""
        return max((run.end(now_ms) for run in self.runs), default=0)

    def plays_at(self, sample: int) -> float | None:
        """Return the moment at which ``sample`` of this segment is played, None when it was not sent."""
        for run in self.runs:
            if run.first <= sample < run.first + run.samples:
                return run.at_ms + (sample - run.first) / 8
        return None

    def stop(self, now_ms: float) -> None:
        """Forget what was handed out but will not be played: all that is due behind ``now_ms``."""
        cut = [Run(run.at_ms, run.first, run.end(now_ms) - run.first) for run in self.runs]
        self.runs = [run for run in cut if run.samples]


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms to be sent now; ``mark`` names the segments that end with it."""

    payload: bytes
    plays_at: float
    mark: str | None


class PlayQueue:
    """Segments waiting to be played, in order."""

    def __init__(self) -> None:
        self._waiting: deque[Segment] = deque()
        self._offset = 0  # bytes of the first waiting segment that are sent
        self._head = 0.0  # when everything sent will have been played
        self._segments = 0
        self._marks = Marks()
        self._recent: deque[Segment] = deque(maxlen=_RECENT)  # handed out, perhaps not played yet
        self._held = False

    def append(self, segment: Segment) -> None:
        """Queue a segment behind the ones there are; its audio may still be coming."""
        self._waiting.append(segment)

    def put_first(self, segment: Segment) -> None:
        """Queue a segment before those of which nothing was handed out yet."""
        self._waiting.insert(1 if self._offset else 0, segment)

    def take(self, now_ms: float) -> Frame | None:
        """Return the next frame that is due at ``now_ms``, if any."""
        if self._held or self._head - now_ms > LEAD_MS + _ROUNDING_MS:
            return None
        payload, parts, ended = self._gather()
        if not payload:
            return None
        plays_at = max(self._head, now_ms)
        offset = 0
        for segment, first, size in parts:
            _extend(segment.runs, Run(plays_at + offset / 8, first, size))
            if segment not in self._recent:
                self._recent.append(segment)
            offset += size
        self._head = plays_at + FRAME_MS
        mark = None
        if ended:
            self._segments += 1
            mark = f"s{self._segments}"
            self._marks.sent(mark, self._head)
        return Frame(payload.ljust(g711.FRAME_BYTES, g711.SILENCE), plays_at, mark)

    def _gather(self) -> tuple[bytes, list[tuple[Segment, int, int]], bool]:
        """Take one frame's bytes off the front; a part frame only when nothing follows it."""
        payload, parts, ended = b"", [], False
        skipped, offset = 0, self._offset
        for segment in self._waiting:
            piece = bytes(segment.audio[offset : offset + g711.FRAME_BYTES - len(payload)])
            payload += piece
            if piece:
                parts.append((segment, offset, len(piece)))
            offset += len(piece)
            if offset < len(segment.audio) or not segment.closed:
                break
            skipped, offset, ended = skipped + 1, 0, True
        full = len(payload) == g711.FRAME_BYTES
        if not full and skipped < len(self._waiting):
            return b"", [], False  # more audio is on its way and will fill the frame
        for _ in range(skipped):
            self._waiting.popleft()
        self._offset = offset
        return payload, parts, ended and bool(payload)

    def reached(self, mark: str, now_ms: float) -> None:
        """Note that the far end played up to ``mark``; of no weight when its audio was cleared."""
        self._marks.returned(mark, now_ms)

    def hold(self, now_ms: float) -> float:
        """Stop handing out frames; keep what the caller did not hear. Return the moment up to which it did.

        That moment is before ``now_ms`` when the marks tell that the far end is behind with playing.
        """
        heard_until = self._stop(now_ms)
        unheard = [s for s in self._recent if s.played_samples(heard_until) < len(s.audio) or not s.closed]
        waiting = [s for s in self._waiting if s not in unheard]
        self._waiting = deque(unheard + waiting)
        self._offset = 0
        if self._waiting:
            first = self._waiting[0]
            self._offset = quiet_place(first.audio, first.played_samples(heard_until), RESUME_BACK_MS)
        self._held = True
        return heard_until

    def resume(self) -> None:
        """Go on after ``hold``, between the syllables before the place where it stopped."""
        self._held = False

    def clear(self, now_ms: float) -> float:
        """Drop what is not played yet; what was heard stays known. Return as ``hold`` does."""
        heard_until = self._stop(now_ms)
        self._waiting.clear()
        self._recent.clear()
        self._offset = 0
        self._held = False
        return heard_until

    def _stop(self, now_ms: float) -> float:
        heard_until = now_ms - self._marks.behind_ms(now_ms)
        for segment in self._recent:
            segment.stop(heard_until)
        self._head = min(self._head, now_ms)
        self._marks.void()
        return heard_until

    def next_due(self, now_ms: float) -> float:
        """Return the moment at which ``take`` may have a frame again."""
        return max(now_ms, self._head - LEAD_MS)

    @property
    def empty(self) -> bool:
        """Whether everything was handed to the wire."""
        return not self._waiting and not self._held

    def audible(self, now_ms: float) -> bool:
        """Whether the caller hears something now or is about to."""
        return self._head > now_ms

    def played(self, now_ms: float, mark_grace_ms: float) -> bool:
        """Whether all was played: by its marks, or ``mark_grace_ms`` after it should have been."""
        if not self.empty or self._head > now_ms:
            return False
        return not self._marks or now_ms - self._head > mark_grace_ms


def heard(segment: Segment, now_ms: float) -> str:
    """Return the part of the segment's text that was played by ``now_ms``, by share of its audio."""
    played = segment.played_samples(now_ms)
    if not segment.audio or not played:
        return ""
    if segment.closed and played >= len(segment.audio) - g711.FRAME_BYTES:
        return segment.text
    length = len(segment.audio)
    if not segment.closed:
        length = max(length, len(segment.text) * CHARACTER_MS * 8)
    return segment.text[: int(len(segment.text) * played / length)]


def _extend(runs: list[Run], run: Run) -> None:
    if runs:
        last = runs[-1]
        follows = last.first + last.samples == run.first
        if follows and abs(last.at_ms + last.samples / 8 - run.at_ms) < 0.01:
            runs[-1] = Run(last.at_ms, last.first, last.samples + run.samples)
            return
    runs.append(run)
