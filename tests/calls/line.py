"""The caller's end of a line in the air: what is heard comes back as an echo, and others speak behind.

::

    call = LineCall(plan, SpeakingEngines(voice=speech), detector, echo=Echo(lag_ms=180, return_loss_db=20))
    await call.listens(6)                        # seconds; the echo and ``behind`` are heard meanwhile
    await call.says(question)
    call.silences                                # how often the carrier was told to stop playing
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiker.audio import g711
from aiker.calls.plan import CallPlan
from aiker.calls.vad import Detector
from aiker.calls.wire.base import Message
from engines.adapters.client import Note
from engines.routing import Served
from tests.calls.scripted import ScriptedCall, StandInEngines
from tests.calls.test_vad import Unthreaded

Pcm = NDArray[np.int16]
LEAST_LIKENESS = 0.05  # a caller may be 26 dB softer than what is known
_HARDLY = np.zeros(1600, np.int16)
FRAME = g711.FRAME_BYTES


def active_dbfs(pcm: Pcm) -> float:
    """Return the RMS of the 20 ms frames within 20 dB of the loudest (active speech level)."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    rms = np.sqrt((frames**2).mean(axis=1))
    return float(20 * np.log10(np.sqrt((frames[rms > rms.max() / 10] ** 2).mean()) / 32768))


def at_level(pcm: Pcm, dbfs: float) -> Pcm:
    """Return speech at an active level of ``dbfs``."""
    louder = pcm * 10 ** ((dbfs - active_dbfs(pcm)) / 20)
    return np.clip(np.round(louder), -32768, 32767).astype(np.int16)


def mixed(*parts: Pcm) -> Pcm:
    longest = max(len(part) for part in parts)
    total = sum(np.pad(part.astype(np.int32), (0, longest - len(part))) for part in parts)
    return np.clip(total, -32768, 32767).astype(np.int16)


def likeness_of(heard: NDArray[np.float64], pcm: Pcm) -> float:
    """Return the greatest correlation of ``pcm`` with a stretch of ``heard``; 1 is all of it."""
    size = len(heard) + len(pcm)
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(pcm, size)), size)
    return float(np.abs(correlation).max() / np.sum(pcm.astype(np.float64) ** 2))


@dataclass(frozen=True)
class Echo:
    """A path back to us; ``band_hz`` is what it lets through, whole when None."""

    lag_ms: int
    return_loss_db: float
    band_hz: tuple[float, float] | None = None

    @property
    def taps(self) -> NDArray[np.float64]:
        """Return the path's impulse response, lag included."""
        around = np.arange(-32, 33)
        low, high = self.band_hz or (0, g711.RATE / 2)
        band = [2 * hz / g711.RATE * np.sinc(2 * hz / g711.RATE * around) for hz in (low, high)]
        response = (band[1] - band[0]) * np.hamming(len(around)) * 10 ** (-self.return_loss_db / 20)
        if self.band_hz is None:
            response = np.where(around == 0, 10 ** (-self.return_loss_db / 20), 0.0)
        lag = np.zeros(max(0, self.lag_ms * 8 - 32))
        return np.concatenate([lag, response if len(lag) else response[32 - self.lag_ms * 8 :]])

    def of(self, sent: Pcm) -> Pcm:
        """Return what comes back of ``sent``, as long as that."""
        return np.round(np.convolve(sent, self.taps)[: len(sent)]).astype(np.int16)


@dataclass
class SpeakingEngines(StandInEngines):
    """Says and recognises real speech, by its text; anything else is said in 200 ms of silence."""

    voice_of: dict[str, Pcm] = field(default_factory=dict)
    knows: dict[str, Pcm] = field(default_factory=dict)

    async def transcribe(self, mulaw: bytes, note: Note, _expected: str = "") -> str:
        await asyncio.sleep(self.recognition_s)
        note(Served("stt", "stand-in"))
        heard = g711.decode(mulaw).astype(np.float64)
        likeness = {text: likeness_of(heard, pcm) for text, pcm in self.knows.items()}
        best = max(likeness, key=lambda text: likeness[text])
        return best if likeness[best] > LEAST_LIKENESS else ""

    def _sound(self, text: str) -> bytes:
        return g711.encode(self.voice_of.get(text, _HARDLY))

    async def fetch(self, _tts: Any, text: str) -> bytes | None:
        return self._sound(text)

    async def _speak(self, text: str) -> Any:
        await asyncio.sleep(0.1)
        yield self._sound(text)


class LineCall(ScriptedCall):
    """See the module. ``behind`` is heard over and over, whatever else is."""

    def __init__(
        self,
        plan: CallPlan,
        engines: StandInEngines,
        detector: Detector,
        *,
        echo: Echo | None = None,
        behind: Pcm | None = None,
    ) -> None:
        self.silences = 0
        self._echo = echo
        self._behind = behind
        self._heard = np.zeros(g711.RATE * 200, np.int16)
        self._heard_to = 0
        self._said = 0
        self._began = asyncio.get_running_loop().time()
        super().__init__(plan, engines, Unthreaded(detector))

    async def _send(self, message: Message) -> None:
        now = round((asyncio.get_running_loop().time() - self._began) * g711.RATE)
        if isinstance(message, bytes):
            at = max(self._heard_to, now)
            self._heard[at : at + len(message)] = g711.decode(message)
            self._heard_to = at + len(message)
        elif json.loads(message).get("event") == "clear":
            self.silences += 1
            self._heard[now:] = 0
            self._heard_to = min(self._heard_to, now)
        await super()._send(message)

    async def listens(self, seconds: float) -> None:
        await self.says(np.zeros(round(seconds * g711.RATE), np.int16))

    async def says(self, pcm: Pcm) -> None:
        for start in range(0, len(pcm) - FRAME + 1, FRAME):
            await asyncio.sleep(0.02)
            self.session.receive(data=g711.encode(mixed(pcm[start : start + FRAME], self._around())))

    def _around(self) -> Pcm:
        """Return the next frame of what is heard besides the caller."""
        start, self._said = self._said, self._said + FRAME
        sounds = [np.zeros(FRAME, np.int16)]
        if self._echo:
            lead = max(0, start - self._echo.lag_ms * 8 - FRAME)
            sounds.append(self._echo.of(self._heard[lead : start + FRAME])[start - lead :])
        if self._behind is not None:
            sounds.append(np.take(self._behind, range(start, start + FRAME), mode="wrap"))
        return mixed(*sounds)
