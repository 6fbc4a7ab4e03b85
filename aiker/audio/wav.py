"""WAV files and any other audio file, as int16 samples.

::

    pcm = read_audio(path, 8000)                       # any container, mono
    write_wav(path, 8000, caller_pcm, assistant_pcm)   # one channel each
"""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import IO

import numpy as np

from aiker.audio.g711 import Pcm


class AudioError(Exception):
    """The file holds no audio that can be read."""


def wav_bytes(rate_hz: int, *channels: Pcm) -> bytes:
    """Return a 16-bit PCM WAV with one channel per argument; shorter ones end in silence."""
    buffer = io.BytesIO()
    write_wav(buffer, rate_hz, *channels)
    return buffer.getvalue()


def write_wav(target: Path | IO[bytes], rate_hz: int, *channels: Pcm) -> None:
    """Write a 16-bit PCM WAV with one channel per argument; shorter ones end in silence."""
    length = max(len(channel) for channel in channels)
    frames = np.zeros((length, len(channels)), dtype="<i2")
    for column, channel in enumerate(channels):
        frames[: len(channel), column] = channel
    with wave.open(str(target) if isinstance(target, Path) else target, "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(frames.tobytes())


def read_audio(path: Path, rate_hz: int) -> Pcm:
    """Return the samples of an audio file at ``rate_hz``, mixed to mono; AudioError says what is wrong."""
    import av  # costs 0.1 s and only tools read files

    try:
        with av.open(str(path), mode="r", metadata_errors="ignore") as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
            frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, IndexError) as exc:
        raise AudioError(f"{path}: not an audio file that can be read ({exc})") from exc
    if not frames:
        raise AudioError(f"{path}: holds no audio")
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
