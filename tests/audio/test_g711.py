"""G.711 mu-law against the reference in the standard library, where it still has one."""

import sys
import warnings

import numpy as np
import pytest

from aiker.audio import g711


def test_decode_is_the_itu_table_at_its_corners() -> None:
    assert g711.decode(bytes([0x00, 0x7F, 0x80, 0xFF])).tolist() == [-32124, 0, 32124, 0]


def test_silence_is_the_code_for_zero() -> None:
    assert g711.encode(np.zeros(3, np.int16)) == g711.SILENCE * 3


def test_every_code_survives_a_round_trip() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is the second zero
    assert g711.encode(g711.decode(codes)) == codes


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="the standard library's audioop ended with Python 3.12"
)
def test_every_sample_is_encoded_as_audioop_does() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    samples = np.arange(-32768, 32768, dtype=np.int16)
    assert g711.encode(samples) == audioop.lin2ulaw(samples.tobytes(), 2)
