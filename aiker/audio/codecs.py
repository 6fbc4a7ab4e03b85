"""The codecs of carriers, to and from the mu-law 8 kHz of calls.

::

    codec = codec_of("audio/x-alaw", 8000)     # any usual spelling; CodecError says what is taken
    mulaw = codec.decode(payload)
    payload = codec.encode(mulaw)

Taken: mu-law and A-law at 8 kHz, linear 16 bit at 8 and 16 kHz. A codec belongs to one stream: L16 at 16 kHz
is resampled. Its byte order (RFC 3551 has the high byte first, most carriers the low one) is that by which
the caller's sound is smoother; until there is sound, the low byte comes first.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from aiker.audio import g711
from aiker.audio.resample import Doubler, Halver

TAKEN = "Aiker takes mu-law and A-law at 8 kHz, L16 at 8 and 16 kHz, in one channel"
_MULAW = {"mulaw", "ulaw", "pcmu", "basic", "g711u", "g711mu", "g711ulaw", "g711mulaw"}
_ALAW = {"alaw", "pcma", "g711a", "g711alaw"}
_LINEAR = {"l16", "linear16", "lpcm16", "pcm16", "pcms16le", "slin", "slin16"}
_AUDIBLE = 500  # mean difference of neighbouring samples by which the byte order can be told


class CodecError(Exception):
    """A codec that is not taken."""


class Codec(Protocol):
    """One stream in one codec, both ways."""

    def decode(self, payload: bytes) -> bytes:
        """Return ``payload`` as mu-law at 8 kHz."""
        ...

    def encode(self, mulaw: bytes) -> bytes:
        """Return mu-law at 8 kHz as the carrier wants it."""
        ...


class MuLaw:
    def decode(self, payload: bytes) -> bytes:
        return payload

    def encode(self, mulaw: bytes) -> bytes:
        return mulaw


class ALaw:
    def decode(self, payload: bytes) -> bytes:
        return g711.from_alaw(payload)

    def encode(self, mulaw: bytes) -> bytes:
        return g711.to_alaw(mulaw)


class Linear:
    """L16 at ``rate`` Hz: 8000 or 16000."""

    def __init__(self, rate: int) -> None:
        twice = rate == 2 * g711.RATE
        self._down: Halver | None = Halver() if twice else None
        self._up: Doubler | None = Doubler() if twice else None
        self._order = "<i2"
        self._certain = False

    def decode(self, payload: bytes) -> bytes:
        payload = payload[: len(payload) // 2 * 2]
        if not self._certain:
            self._find_order(payload)
        pcm = np.frombuffer(payload, self._order).astype(np.int16)
        return g711.encode(self._down.feed(pcm) if self._down else pcm)

    def encode(self, mulaw: bytes) -> bytes:
        pcm = g711.decode(mulaw)
        return (self._up.feed(pcm) if self._up else pcm).astype(self._order).tobytes()

    def _find_order(self, payload: bytes) -> None:
        low, high = (_roughness(np.frombuffer(payload, order)) for order in ("<i2", ">i2"))
        if max(low, high) > _AUDIBLE and max(low, high) > 2 * min(low, high):
            self._order, self._certain = ("<i2" if low < high else ">i2"), True


def _roughness(pcm: np.ndarray) -> float:
    return float(np.abs(np.diff(pcm.astype(np.int32))).mean()) if len(pcm) > 1 else 0.0


def codec_of(encoding: str, rate: int | None = None, channels: int = 1) -> Codec:
    """Return the codec of that name; the rate may be in the name ("audio/l16;rate=16000"), or is 8 kHz."""
    name, _, parameters = encoding.strip().lower().partition(";")
    if rate is None and "rate=" in parameters:
        digits = parameters.partition("rate=")[2].split(";")[0].strip()
        rate = int(digits) if digits.isdecimal() and len(digits) < 8 else -1
    plain = name.removeprefix("audio/").removeprefix("x-")
    plain = "".join(letter for letter in plain if letter.isalnum())
    rate = g711.RATE if rate is None else rate
    if channels == 1 and rate == g711.RATE and plain in _MULAW:
        return MuLaw()
    if channels == 1 and rate == g711.RATE and plain in _ALAW:
        return ALaw()
    if channels == 1 and rate in (g711.RATE, 2 * g711.RATE) and plain in _LINEAR:
        return Linear(rate)
    raise CodecError(f"codec {encoding[:40]} at {rate} Hz in {channels} channels; {TAKEN}")
