"""Speech in the formats that clients ask for, piece by piece while it is made.

::

    encoder = Encoder("mp3")
    for pcm in pieces: send(encoder.encode(pcm))      # s16le mono at 24 kHz; b"" while a frame is not full
    send(encoder.close())

PyAV's encoders, at bitrates that speech needs. Opus is in Ogg, AAC in ADTS, and a page or frame is written as
soon as it is full: the length of the whole is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import av
import numpy as np

from engines.local.base import TTS_SAMPLE_RATE


class Format(NamedTuple):
    """``rate`` in Hz, ``bit_rate`` in bit/s; 0: as the codec has it."""

    container: str
    codec: str
    media_type: str
    rate: int = TTS_SAMPLE_RATE
    bit_rate: int = 0
    options: tuple[tuple[str, str], ...] = ()


_BARE_MP3 = (("write_xing", "0"), ("id3v2_version", "0"))
ENCODED = {
    "mp3": Format("mp3", "libmp3lame", "audio/mpeg", bit_rate=64_000, options=_BARE_MP3),
    # Opus decodes at 48 kHz (RFC 7845). A page of the usual second would hold back the first sound.
    "opus": Format("ogg", "libopus", "audio/ogg", 48_000, 32_000, (("page_duration", "200000"),)),
    "aac": Format("adts", "aac", "audio/aac", bit_rate=64_000),
    "flac": Format("flac", "flac", "audio/flac"),
}


class Encoder:
    """One answer in one of ``ENCODED``; see the module. Blocking, a few ms a second of speech."""

    def __init__(self, name: str) -> None:
        made = ENCODED[name]
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format=made.container, options=dict(made.options))
        stream: Any = self._container.add_stream(made.codec, rate=made.rate)
        stream.layout = "mono"
        if made.bit_rate:
            stream.bit_rate = made.bit_rate
        self._stream = stream
        self._samples = 0

    def encode(self, pcm: bytes) -> bytes:
        """Return what can be sent after ``pcm``."""
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = TTS_SAMPLE_RATE
        frame.pts = self._samples
        self._samples += frame.samples
        return self._write(self._stream.encode(frame))

    def close(self) -> bytes:
        """Return the rest."""
        rest = self._write(self._stream.encode(None))
        self._container.close()
        return rest + self._sink.take()

    def _write(self, packets: Iterable[Any]) -> bytes:
        for packet in packets:
            self._container.mux(packet)
        return self._sink.take()


class _Sink:
    """A file that can only be written to, as a response can: no muxer goes back to its header."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
