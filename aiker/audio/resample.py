"""Sample rate conversion, whole clips and streams, on soxr.

::

    pcm8k = resample(pcm24k, 24000, 8000)

    stream = StreamResampler(24000, 8000)
    stream.feed(chunk); ...; stream.feed(last_chunk, last=True)
"""

from __future__ import annotations

import numpy as np
import soxr

from aiker.audio.g711 import Pcm


def resample(pcm: Pcm, source_hz: int, target_hz: int) -> Pcm:
    """Return ``pcm`` at ``target_hz``."""
    if source_hz == target_hz:
        return pcm
    return np.asarray(soxr.resample(pcm, source_hz, target_hz), dtype=np.int16)


class StreamResampler:
    """Convert a stream of int16 chunks; holds back up to 115 ms until ``last``.

    High quality on purpose: it low-passes speech from 24 kHz before it is
    decimated to the telephone's 8 kHz. A synthesised clause arrives much
    faster than it is played, so the hold-back costs nothing there.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16")

    def feed(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        return np.asarray(self._stream.resample_chunk(pcm, last=last), dtype=np.int16)
