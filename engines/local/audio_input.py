"""Uploaded audio of any common kind to what speech recognition reads."""

from __future__ import annotations

import io
import math
from itertools import chain

import av
import numpy as np
import soxr

from engines.local.base import STT_SAMPLE_RATE, BadRequestError, Samples

# Headerless uploads: what the file's name or content type says -> FFmpeg's demuxer, default rate in Hz.
RAW_FORMATS = {
    "raw": ("s16le", 16_000),
    "pcm": ("s16le", 16_000),
    "audio/pcm": ("s16le", 16_000),
    "audio/l16": ("s16be", 16_000),
    "ulaw": ("mulaw", 8_000),
    "audio/basic": ("mulaw", 8_000),
    "audio/pcmu": ("mulaw", 8_000),
    "alaw": ("alaw", 8_000),
    "audio/pcma": ("alaw", 8_000),
}


def decode(data: bytes, filename: str = "", content_type: str = "", max_s: float = math.inf) -> Samples:
    """Return ``data`` as float32 mono at 16 kHz; audio longer than ``max_s`` seconds is refused.

    ::

        samples = decode(wav_bytes)                                      # any container FFmpeg reads
        samples = decode(pcm, content_type="audio/pcm; rate=24000")      # s16le without a header
        samples = decode(frames, filename="call.ulaw")                   # mu-law 8 kHz without a header

    Raises BadRequestError when there is no sound in it that can be read. No more than ``max_s`` is decoded,
    however much a small file unpacks to.
    """
    samples, rate = decode_at_own_rate(data, filename, content_type, max_s)
    if rate != STT_SAMPLE_RATE:
        samples = soxr.resample(samples, rate, STT_SAMPLE_RATE)
    return np.ascontiguousarray(samples, dtype=np.float32)


def decode_at_own_rate(
    data: bytes, filename: str = "", content_type: str = "", max_s: float = math.inf
) -> tuple[Samples, int]:
    """Return ``data`` as float32 mono at the rate in Hz that it has; BadRequestError as ``decode``."""
    if not data:
        raise BadRequestError("The audio file is empty.", "file")
    try:
        samples, rate = _read(data, *_raw_format(filename, content_type), max_s)
    except BadRequestError:
        raise
    except (av.FFmpegError, ValueError, IndexError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise BadRequestError(
            f"The audio could not be read ({reason}). Send WAV, FLAC, MP3, Ogg, WebM, or s16le named *.pcm.",
            "file",
        ) from exc
    if not samples.size:
        raise BadRequestError("The audio file holds no samples.", "file")
    return samples, rate


def _raw_format(filename: str, content_type: str) -> tuple[str | None, int]:
    kind, _, parameters = content_type.lower().partition(";")
    suffix = filename.lower().rpartition(".")[2]
    demuxer, rate = RAW_FORMATS.get(kind.strip()) or RAW_FORMATS.get(suffix) or (None, 0)
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "rate" and value.isdecimal() and 4_000 <= int(value) <= 192_000:
            rate = int(value)
    return demuxer, rate


def _read(data: bytes, demuxer: str | None, rate: int, max_s: float) -> tuple[Samples, int]:
    options = {"sample_rate": str(rate)} if demuxer else {}
    with av.open(io.BytesIO(data), mode="r", format=demuxer, options=options) as container:
        stream = container.streams.audio[0]
        to_mono = av.AudioResampler(format="flt", layout="mono")
        parts, most = [], max_s * stream.rate
        for frame in chain(container.decode(stream), [None]):
            parts += [mono.to_ndarray().reshape(-1) for mono in to_mono.resample(frame)]
            most -= frame.samples if frame else 0
            if most < 0:
                raise BadRequestError(f"The audio is longer than {max_s:g} s. Send it in parts.", "file")
        return (np.concatenate(parts) if parts else np.zeros(0, np.float32)), stream.rate
