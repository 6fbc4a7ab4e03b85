"""Audio on its way to the caller: paced, clearable, and accounted for to the millisecond.

::

    queue = PlayQueue()
    segment = Segment("您好，", bytearray(mulaw), closed=True)
    queue.append(segment)
    while (frame := queue.take(now_ms)) is not None:
        send(frame.payload)
    heard(segment, now_ms)           # "您好，" or the part of it that was played

Pure: time is handed in. ``LEAD_MS`` of audio at most is with the carrier
ahead of its playing, so that a barge-in finds little to take back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from aiker.audio import g711

LEAD_MS = 120.0
FRAME_MS = float(g711.FRAME_MS)


@dataclass(slots=True, eq=False)
class Segment:
    """One clause of speech and when its audio is played."""

    text: str
    audio: bytearray = field(default_factory=bytearray)
    closed: bool = False
    # (moment the run starts to play, samples) of what was handed to the wire
    runs: list[tuple[float, int]] = field(default_factory=list)

    def played_samples(self, now_ms: float) -> int:
        return sum(min(samples, max(0, round((now_ms - start) * 8))) for start, samples in self.runs)

    def plays_at(self, sample: int) -> float | None:
        """Return the moment at which ``sample`` of this segment is played, None when it was not sent."""
        for start, samples in self.runs:
            if sample < samples:
                return start + sample / 8
            sample -= samples
        return None


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
        self._marks: set[str] = set()

    def append(self, segment: Segment) -> None:
        """Queue a segment behind the ones there are; its audio may still be coming."""
        self._waiting.append(segment)

    def put_first(self, segment: Segment) -> None:
        """Queue a segment before those of which nothing was handed out yet."""
        self._waiting.insert(1 if self._offset else 0, segment)

    def take(self, now_ms: float) -> Frame | None:
        """Return the next frame that is due at ``now_ms``, if any."""
        if self._head - now_ms > LEAD_MS:
            return None
        payload, parts, ended = self._gather()
        if not payload:
            return None
        plays_at = max(self._head, now_ms)
        offset = 0
        for segment, size in parts:
            _extend(segment.runs, plays_at + offset / 8, size)
            offset += size
        self._head = plays_at + FRAME_MS
        mark = None
        if ended:
            self._segments += 1
            mark = f"s{self._segments}"
            self._marks.add(mark)
        return Frame(payload.ljust(g711.FRAME_BYTES, g711.SILENCE), plays_at, mark)

    def _gather(self) -> tuple[bytes, list[tuple[Segment, int]], bool]:
        """Take one frame's bytes off the front; a part frame only when nothing follows it."""
        payload, parts, ended = b"", [], False
        skipped, offset = 0, self._offset
        for segment in self._waiting:
            piece = bytes(segment.audio[offset : offset + g711.FRAME_BYTES - len(payload)])
            payload += piece
            if piece:
                parts.append((segment, len(piece)))
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

    def reached(self, mark: str) -> None:
        """Note that the far end played up to ``mark``."""
        self._marks.discard(mark)

    def clear(self, now_ms: float) -> None:
        """Drop what is not played yet; what was heard stays known."""
        for segment in self._waiting:
            segment.closed = True
        self._waiting.clear()
        self._offset = 0
        self._head = min(self._head, now_ms)
        self._marks.clear()

    def next_due(self, now_ms: float) -> float:
        """Return the moment at which ``take`` may have a frame again."""
        return max(now_ms, self._head - LEAD_MS)

    @property
    def empty(self) -> bool:
        """Whether everything was handed to the wire."""
        return not self._waiting

    def audible(self, now_ms: float) -> bool:
        """Whether the caller hears something now or is about to."""
        return self._head > now_ms

    def played(self, now_ms: float, mark_grace_ms: float) -> bool:
        """Whether all was played: by its marks, or ``mark_grace_ms`` after it should have been."""
        if self._waiting or self._head > now_ms:
            return False
        return not self._marks or now_ms - self._head > mark_grace_ms


def heard(segment: Segment, now_ms: float) -> str:
    """Return the part of the segment's text that was played by ``now_ms``, by share of its audio."""
    played = segment.played_samples(now_ms)
    if not segment.audio or not played:
        return ""
    if segment.closed and played >= len(segment.audio) - g711.FRAME_BYTES:
        return segment.text
    return segment.text[: int(len(segment.text) * played / len(segment.audio))]


def _extend(runs: list[tuple[float, int]], start: float, samples: int) -> None:
    if runs and abs(runs[-1][0] + runs[-1][1] / 8 - start) < 0.01:
        runs[-1] = (runs[-1][0], runs[-1][1] + samples)
    else:
        runs.append((start, samples))
