"""codecs: what carriers announce is decoded, and answered in the same."""

from __future__ import annotations

import numpy as np
import pytest

from aiker.audio import g711
from aiker.audio.codecs import CodecError, codec_of

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16)
TONE_16K = (8000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)


def snr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    noise = wanted.astype(float) - got
    return float(10 * np.log10(np.mean(wanted.astype(float) ** 2) / np.mean(noise**2)))


@pytest.mark.parametrize(
    ("code", "value"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x80, 5504)]
)
def test_a_law_has_the_values_of_its_table(code: int, value: int) -> None:
    assert int(g711._ALAW_DECODE[code]) == value


def test_every_a_law_code_comes_back() -> None:
    codes = bytes(range(256))
    back = g711.to_alaw(g711.from_alaw(codes))
    near = g711.decode(g711.from_alaw(codes)), g711.decode(g711.from_alaw(back))
    assert np.all(np.abs(near[0].astype(int) - near[1]) <= np.maximum(16, np.abs(near[0].astype(int)) // 16))


@pytest.mark.parametrize(
    "encoding",
    ["audio/x-mulaw", "audio/X-MULAW", "PCMU", "mulaw", "ulaw", "audio/basic", "MU-LAW", "g711_ulaw"],
)
def test_mu_law_in_any_spelling(encoding: str) -> None:
    assert codec_of(encoding, 8000).decode(b"\x10\xff") == b"\x10\xff"


@pytest.mark.parametrize("encoding", ["audio/x-alaw", "PCMA", "alaw", "audio/PCMA", "A-law"])
def test_a_law_is_heard_and_spoken(encoding: str) -> None:
    codec = codec_of(encoding)
    sent = codec.encode(g711.encode(TONE))
    assert snr_db(TONE, g711.decode(codec.decode(sent))) > 33


@pytest.mark.parametrize("order", ["<i2", ">i2"])
@pytest.mark.parametrize(
    ("encoding", "rate"), [("audio/l16", 8000), ("L16", 16_000), ("audio/l16;rate=16000", None)]
)
def test_linear_audio_is_heard_in_either_byte_order(encoding: str, rate: int | None, order: str) -> None:
    codec = codec_of(encoding, rate)
    source = TONE if rate == 8000 else TONE_16K
    frame = 2 * len(source) // 50
    raw = source.astype(order).tobytes()
    heard = b"".join(codec.decode(raw[start : start + frame]) for start in range(0, len(raw), frame))
    assert len(heard) == 8000, "not a sample more or less"
    got = g711.decode(heard)
    shift = 0 if rate == 8000 else 11.5  # samples of the low pass
    wanted = 8000 * np.sin(2 * np.pi * 440 * (np.arange(8000) - shift) / 8000)
    assert snr_db(wanted[500:], got[500:]) > 30
    spoken = np.frombuffer(codec.encode(g711.encode(TONE)), order)
    assert len(spoken) == len(source)
    assert np.abs(np.diff(spoken.astype(int))).max() < 4000


def test_what_is_above_the_telephone_band_does_not_fold_into_it() -> None:
    codec = codec_of("L16", 16_000)
    high = (16_000 * np.sin(2 * np.pi * 5000 * np.arange(16_000) / 16_000)).astype("<i2")
    assert np.abs(g711.decode(codec.decode(high.tobytes()))[100:].astype(int)).max() < 100


@pytest.mark.parametrize(
    ("encoding", "rate", "channels"),
    [
        ("opus", 48_000, 1),
        ("audio/x-mulaw", 16_000, 1),
        ("L16", 24_000, 1),
        ("PCMA", 8000, 2),
        ("G722", 8000, 1),
    ],
)
def test_any_other_codec_is_refused_by_name(encoding: str, rate: int, channels: int) -> None:
    with pytest.raises(CodecError, match=encoding):
        codec_of(encoding, rate, channels)
