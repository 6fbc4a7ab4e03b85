"""Both directions of a call on one clock.

::

    recorder = Recorder()
    recorder.hear(mulaw, at_ms)               # caller audio, where it belongs
    recorder.tie(anchor_ms)                   # our clock when the caller's audio began
    recorder.say(frame, plays_at_ms)          # assistant audio where it is played
    recorder.cut(now_ms)                      # cleared before it was played
    wav = recorder.wav()                      # stereo: left the caller, right the assistant

Times are ms since the call was answered. The caller's clock is tied to ours
by the message that travelled fastest, so jitter does not move the recording
(``jitter_buffer``).
"""

from __future__ import annotations

from typing import NamedTuple

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.audio.wav import wav_bytes

_BYTES_PER_MS = g711.RATE // 1000
VAD_SLACK_MS = 32  # a last syllable may fade out in the window after
END_SLACK_MS = 60  # of a turn's end, where the sound itself is asked


class Place(NamedTuple):
    """How far one has listened: in the caller's audio, and in the assistant's by our clock."""

    caller_ms: float
    assistant_ms: float


class Recorder:
    """Keep 8 kB a second and direction in memory; a quarter of an hour is 14 MB."""

    def __init__(self) -> None:
        self._caller = bytearray()
        self._assistant = bytearray()
        self._anchor = 0.0  # moment at which caller sample 0 was spoken

    @property
    def caller_ms(self) -> float:
        """Length of the caller's audio so far."""
        return len(self._caller) / _BYTES_PER_MS

    def hear(self, mulaw: bytes, at_ms: float) -> None:
        """Put caller audio ``at_ms`` of the caller's audio time, in place of what is there."""
        start = round(at_ms * _BYTES_PER_MS)
        if start > len(self._caller):
            self._caller += g711.SILENCE * (start - len(self._caller))
        self._caller[start : start + len(mulaw)] = mulaw

    def tie(self, anchor_ms: float) -> None:
        """Say when (our clock) the caller's audio began."""
        self._anchor = anchor_ms

    def caller(self, start_ms: float, end_ms: float) -> bytes:
        """Return caller audio between two moments of the caller's audio time."""
        start = max(0, int(start_ms * _BYTES_PER_MS))
        return bytes(self._caller[start : max(start, int(end_ms * _BYTES_PER_MS))])

    def assistant(self, start_ms: float, end_ms: float) -> bytes:
        """Return assistant audio between two moments (our clock), silence where nothing is played."""
        start, end = (round(max(0.0, ms) * _BYTES_PER_MS) for ms in (start_ms, end_ms))
        return bytes(self._assistant[start:end]).ljust(end - start, g711.SILENCE)

    def spoken_at(self, audio_ms: float) -> float:
        """Return the moment (our clock) at which ``audio_ms`` of the caller's audio was spoken."""
        return self._anchor + audio_ms

    def speech_start(self, start_ms: float, end_ms: float) -> float:
        """Return when (our clock) the first audible sample between two moments of caller audio was spoken."""
        start_ms = max(0.0, start_ms)
        first = first_loud_sample(g711.decode(self.caller(start_ms, end_ms))) or 0
        return self.spoken_at(start_ms + first / _BYTES_PER_MS)

    def speech_end(self, start_ms: float, end_ms: float) -> float:
        """Return when (our clock) the last audible sample of an utterance was spoken.

        ``start_ms`` and ``end_ms`` are the utterance as the VAD saw it, in the caller's audio time; the
        VAD holds on for some windows, so the samples themselves are asked.
        """
        last = last_loud_sample(g711.decode(self.caller(start_ms, end_ms + VAD_SLACK_MS)))
        return self.spoken_at(end_ms if last is None else start_ms + last / _BYTES_PER_MS)

    def voice_to_voice(
        self, spoke_from_ms: float, spoke_until_ms: float, answered_from_ms: float | None
    ) -> int | None:
        """Return ms from the caller's last audible sample to the first one of the answer, as both stand here.

        Measured from the sound alone, to be compared with what the moments of the turn say; None when one of
        the two is missing. The caller's turn begins and ends, and the answer is to be looked for, at these
        moments (our clock). What sounds behind the turn, a beep or a cough, is none of the question:
        ``END_SLACK_MS`` behind its end nothing is looked at.
        """
        if answered_from_ms is None:
            return None
        answer = self._assistant[max(0, round(answered_from_ms * _BYTES_PER_MS)) :]
        first = first_loud_sample(g711.decode(bytes(answer)))
        if first is None:
            return None
        audible_ms = answered_from_ms + first / _BYTES_PER_MS
        until_ms = min(audible_ms, spoke_until_ms + END_SLACK_MS)
        asked = self.caller(spoke_from_ms - self._anchor, until_ms - self._anchor)
        last = last_loud_sample(g711.decode(asked))
        return (
            None
            if last is None
            else round(audible_ms - max(spoke_from_ms, self._anchor) - last / _BYTES_PER_MS)
        )

    def say(self, frame: bytes, plays_at_ms: float) -> None:
        start = max(len(self._assistant), round(plays_at_ms * _BYTES_PER_MS))
        self._assistant += g711.SILENCE * (start - len(self._assistant)) + frame

    def cut(self, now_ms: float) -> None:
        """Forget assistant audio that would have been played after ``now_ms``."""
        del self._assistant[max(0, round(now_ms * _BYTES_PER_MS)) :]

    def since(self, place: Place | None, now_ms: float) -> tuple[Place, bytes, bytes]:
        """Return how far it has got, and what caller and assistant said since ``place`` (None: nothing)."""
        here = Place(self.caller_ms, now_ms)
        if place is None:
            return here, b"", b""
        assistant = self.assistant(place.assistant_ms, now_ms)
        return here, self.caller(place.caller_ms, here.caller_ms), assistant

    def forget(self) -> None:
        """Let go of all audio: what is stored need not wait in memory for Python to look for garbage."""
        self._caller.clear()
        self._assistant.clear()

    def wav(self) -> bytes:
        """Return the stereo recording; its zero is the moment the call was answered."""
        lead = round(self._anchor * _BYTES_PER_MS)
        caller = g711.decode(g711.SILENCE * max(0, lead) + bytes(self._caller[max(0, -lead) :]))
        return wav_bytes(g711.RATE, caller, g711.decode(bytes(self._assistant)))
