"""Kokoro 82M on onnxruntime: Mandarin speech at 24 kHz, sent piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.local.base import BadRequestError
from engines.local.kokoro_model import STYLE_DIMENSIONS, KokoroModel
from engines.local.mandarin_g2p import MandarinG2P
from engines.local.speech_pieces import pause_ms, shape_piece, split_pieces, to_pcm
from engines.local.text_normalization import spoken

SPEEDS = (0.5, 2.0)


class KokoroTTS:
    """A Kokoro model directory: ``model.onnx`` and ``voices/<name>.bin``.

    ::

        tts = KokoroTTS(models / "kokoro-int8", threads=2, cache_dir=data_dir / "cache")
        for pcm in tts.pieces("您好，这里是OneSuite。", voice="zf_xiaobei"):
            send(pcm)           # s16le mono 24 kHz, ends with the pause its punctuation asks for

    ``default_voice`` speaks when a request names none.
    """

    def __init__(
        self, model_dir: Path, threads: int, cache_dir: Path, default_voice: str = "zf_xiaobei"
    ) -> None:
        self._model = KokoroModel(model_dir / "model.onnx", threads)
        self._g2p = MandarinG2P(cache_dir)
        self._voices = {path.stem: path for path in sorted((model_dir / "voices").glob("*.bin"))}
        self._styles: dict[str, NDArray[np.float32]] = {}
        self._default_voice = default_voice

    @property
    def voices(self) -> Sequence[str]:
        """Names of the voices on disk; those for Mandarin start with ``z``."""
        return list(self._voices)

    def warm(self) -> None:
        for _ in self.pieces("您好，系统正在预热。"):
            pass

    def pieces(self, text: str, voice: str | None = None, speed: float = 1.0) -> Iterator[bytes]:
        """Yield s16le PCM for each piece of ``text``, made when asked for. Raises BadRequestError first."""
        voice = voice or self._default_voice
        if voice not in self._voices:
            mandarin = ", ".join(name for name in self._voices if name.startswith("z"))
            raise BadRequestError(f"Unknown voice {voice!r}. Mandarin voices: {mandarin}.", "voice")
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise BadRequestError(f"speed must be between {SPEEDS[0]} and {SPEEDS[1]}.", "speed")
        return self._make(split_pieces(spoken(text)), self._style(voice), speed)

    def _make(self, pieces: list[str], style: NDArray[np.float32], speed: float) -> Iterator[bytes]:
        for piece in pieces:
            samples = self._model.speak(self._g2p(piece), style, speed)
            if samples.size:
                yield to_pcm(shape_piece(samples, pause_ms(piece) / speed))

    def _style(self, voice: str) -> NDArray[np.float32]:
        if voice not in self._styles:
            self._styles[voice] = np.fromfile(self._voices[voice], np.float32).reshape(
                -1, 1, STYLE_DIMENSIONS
            )
        return self._styles[voice]
