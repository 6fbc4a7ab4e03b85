"""Peaks of known audio."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.db.models.fields.files import FieldFile

from aiker.audio.wav import wav_bytes
from aiker.calls.call_page.waveform import PEAKS_PER_S, WaveformError, peaks, read_peaks, stored_peaks
from aiker.calls.models import Call

RATE = 8000
PEAK = RATE // PEAKS_PER_S


def test_a_peak_is_the_loudest_sample_of_ten_milliseconds() -> None:
    pcm = np.zeros(3 * PEAK + 1, np.int16)
    pcm[5], pcm[PEAK], pcm[PEAK + 1], pcm[3 * PEAK] = -32768, 12_800, -6_400, 640
    assert peaks(pcm, PEAK).tolist() == [255, 100, 0, 5]


def test_silence_and_nothing_have_no_peaks() -> None:
    assert peaks(np.zeros(2 * PEAK, np.int16), PEAK).tolist() == [0, 0]
    assert peaks(np.zeros(0, np.int16), PEAK).tolist() == []


def test_each_side_of_a_recording_has_its_own() -> None:
    caller, assistant = np.zeros(RATE, np.int16), np.zeros(RATE, np.int16)
    caller[: RATE // 2] = 25_600
    assistant[RATE // 2 :] = -12_800
    heard, said = read_peaks(io.BytesIO(wav_bytes(RATE, caller, assistant)))
    assert list(heard) == [200] * 50 + [0] * 50
    assert list(said) == [0] * 50 + [100] * 50


def test_a_long_recording_is_read_in_pieces_without_a_seam() -> None:
    caller = np.repeat(np.arange(130, dtype=np.int16) * 128, RATE)  # louder each second of 130
    heard, said = read_peaks(io.BytesIO(wav_bytes(RATE, caller, caller[:1])))
    assert list(heard) == [second for second in range(130) for _ in range(PEAKS_PER_S)]
    assert len(said) == len(heard)


def mono() -> bytes:
    return wav_bytes(RATE, np.zeros(80, np.int16))


def narrow() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(1)
        out.setframerate(RATE)
        out.writeframes(b"\x80" * 160)
    return buffer.getvalue()


@pytest.mark.parametrize("file", [b"", b"RIFF", b"no sound at all, but long enough", mono(), narrow()])
def test_what_is_no_recording_is_refused(file: bytes) -> None:
    with pytest.raises(WaveformError):
        read_peaks(io.BytesIO(file))


def test_a_recording_is_read_once() -> None:
    field = Call._meta.get_field("recording")
    recording = FieldFile(Call(), field, "once.wav")
    recording.storage = InMemoryStorage()
    sound = np.full(800, 12_800, np.int16)
    recording.storage.save("once.wav", ContentFile(wav_bytes(RATE, sound, sound)))
    first = stored_peaks(recording)
    recording.open = None  # type: ignore[method-assign, assignment]
    assert stored_peaks(recording) == first == (bytes([100] * 10),) * 2
