"""What a call hears, by the wall clock: audio in its place, silence for what is missing. Pure: time is
handed in.

::

    buffer = JitterBuffer()
    for piece in buffer.arrive(mulaw, now_ms, at_ms=1000, chunk=51):
        keep(piece.at, piece.mulaw)          # samples of the stream; a late piece replaces silence
        if piece.listen:
            detect(piece.at, piece.mulaw)
    buffer.tick(now_ms)                      # the same, at ``next_tick(now_ms)``: what did not come
    buffer.anchor_ms                         # our clock when sample 0 was spoken, by the fastest message

A message that is missing is waited for ``HOLD_MS`` when others overtook it. A stream that stops is silence
from ``IDLE_MS`` on. What comes first behind that may be live (a gateway that does not send silence) or late
(a network that stood still): it is late when more of it comes at once, and is then put where it belongs.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

from aiker.audio import g711
from aiker.audio.levels import is_silent
from aiker.calls.numbering import Numbering

_PER_MS = g711.RATE // 1000
IDLE_MS = 100.0  # without a message, after which the stream counts as stopped
RESERVE_MS = 60  # that a stopped stream is kept behind the clock, for messages that come late
HOLD_MS = 70.0  # that a message waits for one it overtook
MOST_HELD = 4
PACE_MS = 15.0  # messages that come closer together were late
TOLERANCE = 10 * _PER_MS  # of timestamps, which carriers round
MOST_AHEAD_MS = 40  # of silence that is not needed to keep time
MOST_SURPLUS_MS = 5000  # of sound that was not spoken yet by the clock
LATE_MS = 400  # a message that is no later may be so alone
JUMP_MS = 1000  # timestamps that are further ahead began anew
RESTART_MS = 2000  # and those that are further behind
MOST_REPEATED = 10  # messages in a row: their numbers say nothing
SETTLE_MS = 2000.0  # of the first messages, the fastest sets the clock
MOST_SETTLED_MS = 500.0
SLEW_MS = 1.0  # a message, for the carrier's clock may be faster than ours
_LAGS = 3
_HOLES = 32
_TICK_MS = 20.0
_FORGET = 0.9
_LOST, _STOPPED = 0, 1  # kinds of holes


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio and its first sample's place in the stream; ``listen``: to be scored for speech, too."""

    at: int
    mulaw: bytes
    listen: bool = True


@dataclass(slots=True, order=True)
class _Message:
    claim: int
    mulaw: bytes = field(compare=False)
    arrived_ms: float = field(compare=False)


@dataclass(slots=True)
class Counts:
    """Samples that nobody heard, or heard late."""

    repeated: int = 0
    surplus: int = 0
    late: int = 0


class JitterBuffer:
    """See the module. Its time is ms since the call was answered."""

    def __init__(self) -> None:
        self.anchor_ms = 0.0
        self.counts = Counts()
        self._numbers = Numbering()
        self._offset = 0  # from claims to the stream
        self._begun_ms: float | None = None  # when the first message came
        self._anew = False  # the next claim belongs at the end, whatever it says
        self._end = 0
        self._last_ms = 0.0  # when the last message came
        self._message_ms = 0.0  # how long messages are, when they come as often as they are long
        self._idle = True  # silence was filled in since, up to the end
        self._resuming: list[_Message] = []
        self._held: list[_Message] = []
        self._holes: deque[list[int]] = deque(maxlen=_HOLES)
        self._lags: deque[int] = deque(maxlen=_LAGS)
        self._repeats = 0
        self._out: list[Piece] = []

    def arrive(
        self,
        mulaw: bytes,
        now_ms: float,
        *,
        at_ms: int | None = None,
        chunk: int | None = None,
        lost_ms: int = 0,
    ) -> list[Piece]:
        """Take a message; its timestamp, its number, and what is known to be lost before it, where told."""
        claim = self._numbers.claim(len(mulaw), at_ms=at_ms, chunk=chunk, lost=lost_ms * _PER_MS)
        message = _Message(claim, mulaw, now_ms)
        if self._idle and self._resuming and now_ms - self._resuming[-1].arrived_ms >= PACE_MS:
            self._resume()
        if self._idle:
            self._resuming.append(message)
        else:
            self._place(message)
        paced_ms = min(len(mulaw) / _PER_MS, now_ms - self._last_ms)
        self._message_ms = max(paced_ms, self._message_ms * _FORGET)
        self._last_ms = now_ms
        return self._taken()

    def tick(self, now_ms: float) -> list[Piece]:
        """Let time go by."""
        if self._resuming and now_ms - self._resuming[-1].arrived_ms >= PACE_MS:
            self._resume()
        if self._held and now_ms - self._held[0].arrived_ms >= HOLD_MS:
            self._let_go(now_ms, all_of_them=True)
        longer_ms = max(0.0, self._message_ms - g711.FRAME_MS)
        if now_ms - self._last_ms >= IDLE_MS + longer_ms:
            missing = self._edge(now_ms - RESERVE_MS - longer_ms) - self._end
            if missing >= g711.FRAME_BYTES:
                self._fill(missing, stopped=True)
                self._idle = True
        return self._taken()

    def next_tick(self, now_ms: float) -> float:
        """Return the moment at which ``tick`` has something to do, if no message comes."""
        waiting = self._held or self._resuming or now_ms - self._last_ms >= IDLE_MS
        return now_ms + _TICK_MS if waiting else self._last_ms + IDLE_MS

    # -- after a stop -----------------------------------------------------------

    def _resume(self) -> None:
        """Find the place of what came first behind a stop."""
        messages, self._resuming, self._idle = self._resuming, [], False
        self._lags.clear()
        first, last = min(messages), max(messages)
        span = last.claim + len(last.mulaw) - first.claim
        edge = self._edge(messages[-1].arrived_ms)
        if self._begun_ms is None or not self._fits(first.claim + self._offset, span, edge):
            hole = self._holes[-1][0] if self._holes and self._holes[-1][1] == self._end else self._end
            self._offset = max(hole, edge - span) - first.claim
        if self._begun_ms is None:
            self._begun_ms = messages[0].arrived_ms
        if (gap := first.claim + self._offset - self._end) > 0:
            self._fill(gap)  # nothing that was overtaken is still under way
        for message in sorted(messages):
            self._place(message)

    def _fits(self, at: int, span: int, edge: int) -> bool:
        """Whether audio may be where its timestamp puts it: live, or all that was missing."""
        if not self._numbers.exact or at + span - edge > JUMP_MS * _PER_MS:
            return False
        return edge - at <= LATE_MS * _PER_MS or 2 * span >= edge - at

    # -- in the stream ------------------------------------------------------------

    def _place(self, message: _Message) -> None:
        if self._anew:
            self._anew, self._offset = False, self._end - message.claim
        if not self._numbers.exact:
            self._keep_pace(message)
        at, edge = message.claim + self._offset, self._edge(message.arrived_ms)
        gap = at - self._end
        if gap > TOLERANCE and at + len(message.mulaw) - edge > JUMP_MS * _PER_MS:
            self._offset -= gap
            gap = 0
        if gap < -TOLERANCE:
            self._take_late(at, message, edge)
        elif gap <= TOLERANCE:
            self._take(message.mulaw, message.arrived_ms)
        elif message.arrived_ms - self._last_ms >= HOLD_MS or not self._numbers.counted:
            missing = max(0, min(gap, edge - self._end))
            self._offset -= gap - missing
            self._fill(missing)
            self._take(message.mulaw, message.arrived_ms)
        else:
            insort(self._held, message)
        if self._held:
            self._let_go(message.arrived_ms)

    def _keep_pace(self, message: _Message) -> None:
        """Put silence in where messages without a timestamp are late for good: some were lost."""
        if self._held:
            self._lags.clear()
            return
        self._lags.append(self._edge(message.arrived_ms) - self._end - len(message.mulaw))
        lost = min(self._lags) // g711.FRAME_BYTES * g711.FRAME_BYTES
        if len(self._lags) == _LAGS and lost > 0:
            self._offset += lost
            self._fill(lost)
            self._lags = deque((lag - lost for lag in self._lags), maxlen=_LAGS)

    def _take(self, mulaw: bytes, arrived_ms: float) -> None:
        """Append audio, but for what was not spoken yet by the clock."""
        ahead = self._end + len(mulaw) - self._edge(arrived_ms)
        if ahead > 0:
            moved_ms = self._settle(ahead / _PER_MS, arrived_ms)
            mulaw = self._without_surplus(mulaw, ahead - round(moved_ms * _PER_MS))
        if mulaw:
            self._repeats = 0
            self._out.append(Piece(self._end, mulaw))
            self._end += len(mulaw)

    def _without_surplus(self, mulaw: bytes, ahead: int) -> bytes:
        kept = len(mulaw)
        if ahead > MOST_SURPLUS_MS * _PER_MS:
            kept = 0
        elif ahead > MOST_AHEAD_MS * _PER_MS and is_silent(mulaw):
            kept = max(0, kept - ahead + MOST_AHEAD_MS * _PER_MS)
        surplus = len(mulaw) - kept
        self.counts.surplus += surplus
        if not self._numbers.exact:
            self._offset -= surplus
        return mulaw[:kept]

    def _settle(self, ahead_ms: float, arrived_ms: float) -> float:
        """Move the clock for a message that was faster than all before; return by how much, in ms."""
        begun = self._begun_ms if self._begun_ms is not None else arrived_ms
        if ahead_ms > MOST_SETTLED_MS:
            moved = 0.0  # not spoken live
        elif arrived_ms - begun < SETTLE_MS:
            moved = min(ahead_ms, max(0.0, MOST_SETTLED_MS + self.anchor_ms))
        else:
            moved = min(ahead_ms, SLEW_MS) if self._numbers.exact else 0.0
        self.anchor_ms -= moved
        return moved

    def _take_late(self, at: int, message: _Message, edge: int) -> None:
        """Put audio in the place of silence, or see that it was there already."""
        end, stop = self._end, at + len(message.mulaw)
        hole = next((h for h in self._holes if h[0] + TOLERANCE < stop and at + TOLERANCE < h[1]), None)
        if hole:
            self._fill_in(hole, at, message.mulaw)
        if stop > end + TOLERANCE:
            self._take(message.mulaw[end - at :], message.arrived_ms)
        elif hole is None and edge - at > RESTART_MS * _PER_MS:
            self._offset += end - at
            self._take(message.mulaw, message.arrived_ms)
        elif hole is None:
            self.counts.repeated += len(message.mulaw)
            self._repeats += 1
            if self._repeats >= MOST_REPEATED:
                self._repeats, self._anew = 0, True
                self._numbers.distrust()

    def _fill_in(self, hole: list[int], at: int, mulaw: bytes) -> None:
        begin, stop = max(at, hole[0]), min(at + len(mulaw), hole[1])
        part = mulaw[begin - at : stop - at]
        # What stood in for a stop was heard as silence: speech in it is heard now. One message is no speech.
        self._out.append(Piece(begin, part, hole[2] == _STOPPED and not is_silent(part)))
        self.counts.late += len(part)
        if begin <= hole[0] + TOLERANCE:
            hole[0] = stop
        elif stop >= hole[1] - TOLERANCE:
            hole[1] = begin
        else:
            self._holes.append([stop, hole[1], hole[2]])
            hole[1] = begin

    # -- what was overtaken -------------------------------------------------------

    def _let_go(self, now_ms: float, *, all_of_them: bool = False) -> None:
        """Take the messages that wait for nothing any more."""
        while self._held:
            first = self._held[0]
            gap = first.claim + self._offset - self._end
            if gap > TOLERANCE:
                late = now_ms - first.arrived_ms >= HOLD_MS or len(self._held) > MOST_HELD
                if not (late or all_of_them):
                    return
                self._fill(gap)
            del self._held[0]
            if gap < -TOLERANCE:
                self._take_late(first.claim + self._offset, first, self._edge(now_ms))
            else:
                self._take(first.mulaw, now_ms)

    def _fill(self, samples: int, *, stopped: bool = False) -> None:
        """Append silence, which may still be replaced."""
        if samples <= 0:
            return
        if stopped and self._idle and self._holes and self._holes[-1][1] == self._end:
            self._holes[-1][1] += samples
        else:
            self._holes.append([self._end, self._end + samples, _STOPPED if stopped else _LOST])
        self._out.append(Piece(self._end, g711.SILENCE * samples))
        self._end += samples

    def _edge(self, now_ms: float) -> int:
        """Return the sample that is spoken at ``now_ms``."""
        return round((now_ms - self.anchor_ms) * _PER_MS)

    def _taken(self) -> list[Piece]:
        out, self._out = self._out, []
        return out
