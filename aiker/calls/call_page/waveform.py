"""The peaks of a recording, small enough to draw.

::

    with call.recording.open() as file:
        caller, assistant = read_peaks(file)     # one byte each 10 ms: 0 silence, 255 full scale
    stored_peaks(call.recording)                 # the same, read once an hour at most
"""

from __future__ import annotations

import wave
from typing import IO

import numpy as np
import numpy.typing as npt
from django.core.cache import cache
from django.db.models.fields.files import FieldFile

from aiker.audio.g711 import Pcm

PEAKS_PER_S = 100
_AT_ONCE_S = 60  # seconds of audio in memory
_KEPT_S = 3600


class WaveformError(Exception):
    """The file is no recording of a call."""


def peaks(pcm: Pcm, samples_per_peak: int) -> npt.NDArray[np.uint8]:
    """Return the loudest sample of each piece of ``pcm``, 0 to 255; a last piece may be shorter."""
    loud = np.abs(pcm.astype(np.int32))
    rest = -len(loud) % samples_per_peak
    loudest = np.pad(loud, (0, rest)).reshape(-1, samples_per_peak).max(axis=1, initial=0)
    return np.minimum(loudest >> 7, 255).astype(np.uint8)


def read_peaks(file: IO[bytes]) -> tuple[bytes, bytes]:
    """Return the peaks of the caller (left) and the assistant (right); WaveformError says what is wrong."""
    try:
        with wave.open(file) as recording:
            form = recording.getnchannels(), recording.getsampwidth()
            if form != (2, 2):
                raise WaveformError(f"{form[0]} channels of {8 * form[1]} bit, not 2 of 16 bit")
            rate = recording.getframerate()
            caller, assistant = bytearray(), bytearray()
            while data := recording.readframes(rate * _AT_ONCE_S):
                both = np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)
                caller += peaks(both[:, 0], rate // PEAKS_PER_S).tobytes()
                assistant += peaks(both[:, 1], rate // PEAKS_PER_S).tobytes()
    except (wave.Error, EOFError) as exc:
        raise WaveformError(f"not a WAV file ({exc})") from exc
    return bytes(caller), bytes(assistant)


def stored_peaks(recording: FieldFile) -> tuple[bytes, bytes]:
    """Return the peaks of a recording, which does not change once it is stored."""
    key = f"waveform:{recording.name}:{recording.size}"
    found: tuple[bytes, bytes] | None = cache.get(key)
    if found is None:
        with recording.open() as file:
            found = read_peaks(file)
        cache.set(key, found, _KEPT_S)
    return found
