"""G.711, exact to ITU-T G.711, by table. Calls are mu-law inside; A-law is translated at the wire.

::

    pcm = decode(payload)          # mu-law bytes -> int16 samples at 8 kHz
    payload = encode(pcm)          # int16 samples -> mu-law bytes
    payload = from_alaw(payload)   # A-law bytes -> mu-law bytes, and ``to_alaw``

Both are one numpy table look-up: 2-3 microseconds a 20 ms frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

RATE = 8000
FRAME_MS = 20
FRAME_BYTES = RATE * FRAME_MS // 1000
SILENCE = b"\xff"

# In the 14-bit scale of G.711.
_BIAS = 33
_CLIP = 8158


def _decode_table() -> Pcm:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 0x07
    mantissa = (code & 0x0F).astype(np.int32)
    magnitude = ((mantissa << 1) + _BIAS << exponent) - _BIAS
    return (4 * np.where(code & 0x80, -magnitude, magnitude)).astype(np.int16)


def _encode_table() -> npt.NDArray[np.uint8]:
    samples = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.minimum(np.abs(samples >> 2), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    code = ~((np.where(samples < 0, 0x80, 0) | (exponent << 4) | mantissa).astype(np.uint8))
    return np.roll(code, -32768)  # indexed by the sample's unsigned 16-bit pattern


_DECODE = _decode_table()
_ENCODE = _encode_table()


def decode(payload: bytes) -> Pcm:
    """Return the int16 samples of mu-law ``payload``."""
    return _DECODE[np.frombuffer(payload, dtype=np.uint8)]


def encode(pcm: Pcm) -> bytes:
    """Return int16 samples ``pcm`` as mu-law bytes."""
    return _ENCODE[pcm.view(np.uint16)].tobytes()


def _alaw_decode_table() -> Pcm:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = (code >> 4).astype(np.int32) & 0x07
    step = ((code & 0x0F).astype(np.int32) << 1) + 1
    magnitude = np.where(exponent == 0, step, (step + 32) << np.maximum(exponent - 1, 0))
    return (8 * np.where(code & 0x80, magnitude, -magnitude)).astype(np.int16)


def _nearest_alaw() -> bytes:
    """Return the A-law code next to each mu-law code's value."""
    values = _ALAW_DECODE.astype(np.int32)
    return bytes(int(np.abs(values - int(value)).argmin()) for value in _DECODE)


_ALAW_DECODE = _alaw_decode_table()
_FROM_ALAW = encode(_ALAW_DECODE)
_TO_ALAW = _nearest_alaw()


def from_alaw(payload: bytes) -> bytes:
    """Return A-law ``payload`` as mu-law."""
    return payload.translate(_FROM_ALAW)


def to_alaw(payload: bytes) -> bytes:
    """Return mu-law ``payload`` as A-law."""
    return payload.translate(_TO_ALAW)
