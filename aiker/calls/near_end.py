"""What of the received audio is the caller: neither our own echo nor a voice in the background.

::

    near_end = NearEnd(recorder)
    probability = near_end.window(start_ms, probability, in_turn=False, audible=True)   # 0 where it is not
    near_end.audio(start_ms, end_ms)     # mu-law for recognition, without what is not the caller
    near_end.accepted()                  # see ``Foreground``
    near_end.relax()
    near_end.music()                     # whether there is music on the line, and nobody speaks

``echo`` and ``foreground`` decide; here they get the audio of both directions, and their verdicts are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiker.audio import g711
from aiker.calls.echo import EchoDetector
from aiker.calls.foreground import UNDER_TURN_DB, Foreground
from aiker.calls.music import LISTEN_MS, is_music
from aiker.calls.recorder import Recorder
from aiker.calls.turn_taking import TurnSettings
from aiker.calls.vad import WINDOW, WINDOW_MS

VOICED = TurnSettings().silence_probability
BEFORE_WINDOWS, BEHIND_WINDOWS = 6, 8  # 192 and 256 ms around the caller's speech: consonants, soft endings
GRACE_WINDOWS = 3  # 96 ms of a syllable over the echo that may be too soft to be told from it
MOST_VOICED = 0.3  # of music, by the speech detector
_OTHER, _OWN = 1, 2


class NearEnd:
    """See the module."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._echo = EchoDetector()
        self._foreground = Foreground()
        self._since_own = 0  # windows behind the caller's last speech
        self._verdicts = bytearray()  # of each window of the caller's audio
        self._powers: list[float] = []
        self.accepted = self._foreground.accepted
        self.relax = self._foreground.relax

    def window(self, start_ms: float, probability: float, *, in_turn: bool, audible: bool) -> float:
        """Return the probability that the caller speaks in the window of 32 ms from ``start_ms`` on."""
        near = g711.decode(self._recorder.caller(start_ms, start_ms + WINDOW_MS))
        if len(near) < WINDOW:
            return probability
        spoken_at = self._recorder.spoken_at(start_ms)
        played = self._recorder.assistant(spoken_at, spoken_at + WINDOW_MS)
        far = g711.decode(played.rjust(WINDOW, g711.SILENCE)[-WINDOW:])  # shorter as the call begins
        samples = near.astype(np.float32)
        power = float(np.dot(samples, samples)) / (WINDOW * 32768**2)
        echo = self._echo.window(near, far, in_turn=in_turn)
        voiced = probability >= VOICED and not echo
        heard = 0.0 if echo else power
        own = self._foreground.window(heard, voiced=voiced, in_turn=in_turn, audible=audible)
        self._since_own = 0 if own and voiced else self._since_own + 1
        if echo:
            own = in_turn and self._since_own <= GRACE_WINDOWS
        self._keep(start_ms, power, (_OWN if own else _OTHER) if probability >= VOICED else 0)
        return probability if own else 0.0

    def audio(self, start_ms: float, end_ms: float) -> bytes:
        """Return the caller's audio between two moments of it; silence in place of other voices."""
        audio = self._recorder.caller(start_ms, end_ms)
        first = int(max(0.0, start_ms) // WINDOW_MS)
        last = int(end_ms // WINDOW_MS) + 1
        verdicts = np.frombuffer(bytes(self._verdicts[first:last]), np.uint8)
        others = _others(verdicts, np.array(self._powers[first:last]))
        if not others.any():
            return audio
        samples = np.frombuffer(audio, np.uint8).copy()
        offset = round(max(0.0, start_ms) * g711.RATE / 1000) - first * WINDOW
        mask = np.repeat(others, WINDOW)[offset : offset + len(samples)]
        samples[: len(mask)][mask] = g711.SILENCE[0]
        return samples.tobytes()

    def music(self) -> bool:
        """Return whether the last seconds of the caller's audio are music."""
        end_ms = len(self._verdicts) * WINDOW_MS
        recent = self._verdicts[-int(LISTEN_MS / WINDOW_MS) :]
        if sum(map(bool, recent)) > MOST_VOICED * len(recent):
            return False
        return is_music(g711.decode(self._recorder.caller(end_ms - LISTEN_MS, end_ms)))

    def _keep(self, start_ms: float, power: float, verdict: int) -> None:
        """Note a window; what was never scored before it counts as silence."""
        missing = round(start_ms / WINDOW_MS) - len(self._verdicts)
        self._verdicts += bytes([0] * missing + [verdict])
        self._powers += [0.0] * missing + [power]


def _others(verdicts: NDArray[np.uint8], powers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which windows hold another's speech and none of the caller's nearby."""
    own = verdicts == _OWN
    if own.any():  # a turn that a television began belongs to the caller who spoke over it
        under = 10 ** (-UNDER_TURN_DB / 10)
        loud = powers[own & (powers >= np.quantile(powers[own], 0.95) * under)]
        own &= powers >= loud.mean() * under
    reach = np.ones(BEFORE_WINDOWS + BEHIND_WINDOWS + 1)
    near = np.convolve(own, reach)[BEFORE_WINDOWS : BEFORE_WINDOWS + len(own)] > 0
    return (verdicts > 0) & ~near
