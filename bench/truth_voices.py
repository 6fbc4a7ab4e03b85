"""Questions spoken by other voices than the assistant's, over a telephone line with noise.

::

    callers = Callers(cache_dir)
    mulaw = callers.says("月卡能退吗", number=3)     # 8 kHz mu-law; the same number sounds the same
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiker.audio import g711
from aiker.audio.resample import resample

VOICES = ("zm_yunxi", "zf_xiaoyi", "zm_yunyang", "zf_xiaoni", "zm_yunjian", "zf_xiaoxiao")
SPEEDS = (1.0, 0.9, 1.15, 1.05)
NOISE_DB = (25.0, 20.0, 15.0)
"""How far the noise lies under the speech, in turn."""
SILENCE_MS = 250
"""Before and behind what is said, as a turn has it."""
THREADS = 1


class Callers:
    """See the module. The model is loaded once."""

    def __init__(self, cache_dir: Path) -> None:
        from engines.catalog import model_dir
        from engines.local.kokoro import KokoroTTS

        self._tts = KokoroTTS(model_dir("kokoro-int8"), THREADS, cache_dir)

    def says(self, text: str, number: int) -> bytes:
        """Return a question in the voice, at the speed and in the noise that its number has."""
        from engines.local.base import TTS_SAMPLE_RATE

        voice, speed = VOICES[number % len(VOICES)], SPEEDS[number % len(SPEEDS)]
        pcm = np.frombuffer(b"".join(self._tts.pieces(text, voice, speed)), "<i2")
        return g711.encode(noisy(resample(pcm, TTS_SAMPLE_RATE, g711.RATE), number))


def noisy(pcm: g711.Pcm, number: int) -> g711.Pcm:
    """Return speech (8 kHz) in a room: noise that falls 3 dB an octave, by its number so far under it."""
    silence = np.zeros(SILENCE_MS * g711.RATE // 1000)
    speech = np.concatenate([silence, pcm.astype(np.float64), silence])
    noise = _pink(len(speech), seed=number)
    level = np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) * 10 ** (-NOISE_DB[number % len(NOISE_DB)] / 20)
    return np.clip(np.round(speech + noise * level), -32768, 32767).astype(np.int16)


def _pink(length: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return noise of power 1 whose power falls with its frequency."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(length))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))
