"""WAV files in and out, and clear words for what is not audio."""

from pathlib import Path

import numpy as np
import pytest

from aiker.audio.resample import StreamResampler, resample
from aiker.audio.wav import AudioError, read_audio, wav_bytes


def tone(rate: int, hz: float, seconds: float = 1.0) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(8000, tone(8000, 440)))
    assert np.array_equal(read_audio(path, 8000), tone(8000, 440))


def test_the_shorter_channel_ends_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav_bytes(8000, tone(8000, 440), tone(8000, 440, 0.5)))
    assert len(read_audio(path, 8000)) == 8000


def test_what_is_not_audio_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("hello")
    with pytest.raises(AudioError, match=r"text\.wav: not an audio file"):
        read_audio(path, 8000)


def test_a_stream_gives_what_the_whole_clip_gives() -> None:
    clip = tone(24000, 300)
    stream = StreamResampler(24000, 8000)
    pieces = [stream.feed(clip[i : i + 2400], last=i + 2400 >= len(clip)) for i in range(0, len(clip), 2400)]
    whole = resample(clip, 24000, 8000)
    streamed = np.concatenate(pieces)
    assert len(streamed) == len(whole)
    assert np.abs(streamed.astype(int) - whole).max() <= 2


def test_what_8_khz_cannot_carry_is_filtered_out() -> None:
    aliased = resample(tone(24000, 6000), 24000, 8000)
    assert np.abs(aliased[800:-800]).max() < 80  # 40 dB below the tone
