"""Audio files for tests."""

from __future__ import annotations

import io

import av
import numpy as np
import soxr
from numpy.typing import NDArray


def encoded(
    pcm: NDArray[np.int16], rate: int, codec: str, layout: str = "mono", container_format: str = "wav"
) -> bytes:
    """``pcm`` of 24 kHz as a file (a WAV) of another rate, codec and layout."""
    mono = soxr.resample(pcm, 24_000, rate)
    channels = 2 if layout == "stereo" else 1
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.repeat(mono, channels).reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()
