"""The Kokoro network, run without the silence it would make around every piece.

Kokoro speaks 0.4 s of silence before and 1.0 s after each text, and on a CPU that silence costs as much
as speech: half of the time of a short clause. The graph is therefore opened as two: the part that
decides how long each symbol lasts, and the decoder that makes sound. Between them the silent frames go.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.utils import Extractor

from engines.local.base import Samples, onnx_session

MAX_SYMBOLS = 510
STYLE_DIMENSIONS = 256
# Frames are 25 ms. Fewer than these, and weak first and last syllables suffer.
LEAD_FRAMES = 8
TAIL_FRAMES = 12
# Between the halves: aligned text [1, 512, T], pitch and energy [1, 2T], durations in frames [1, symbols].
_ALIGNED, _PITCH, _ENERGY = (
    "/encoder/MatMul_1_output_0",
    "/encoder/Reshape_output_0",
    "/encoder/Reshape_1_output_0",
)
_DURATIONS = "/encoder/Clip_output_0"

# Kokoro's symbols in the order of their ids, as its model card gives them; the gaps are unused ids.
SYMBOL_IDS = {
    symbol: start + offset
    for start, symbols in (
        (1, ";:,.!?"),
        (9, '—…"()“” \u0303ʣʥʦʨᵝ\uab67AI'),
        (31, "O"),
        (33, "Q"),
        (35, "ST"),
        (39, "W"),
        (41, "Yᵊabcdef"),
        (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
        (75, "βɔɕç"),
        (80, "ɖðʤə"),
        (85, "ɚɛɜ"),
        (90, "ɟ"),
        (92, "ɡ"),
        (99, "ɥ"),
        (101, "ɨɪʝ"),
        (110, "ɯɰŋɳɲɴø"),
        (118, "ɸθœ"),
        (123, "ɹ"),
        (125, "ɾɻ"),
        (128, "ʁɽʂʃʈʧ"),
        (135, "ʊʋ"),
        (138, "ʌɣɤ"),
        (142, "χʎ"),
        (147, "ʒʔ"),
        (156, "ˈˌː"),
        (162, "ʰ"),
        (164, "ʲ"),
        (169, "↓"),
        (171, "→↗↘"),
        (177, "ᵻ"),
    )
    for offset, symbol in enumerate(symbols)
}
_LAST_MARK_ID = SYMBOL_IDS[" "]


class KokoroModel:
    """``KokoroModel(path, threads).speak(symbols, style, speed)`` gives float32 samples at 24 kHz."""

    def __init__(self, path: Path, threads: int) -> None:
        parts = Extractor(onnx.load(str(path)))
        self._predictor = onnx_session(
            parts.extract_model(["tokens", "style", "speed"], [_ALIGNED, _PITCH, _ENERGY, _DURATIONS]),
            threads,
        )
        self._decoder = onnx_session(
            parts.extract_model([_ALIGNED, _PITCH, _ENERGY, "style"], ["audio"]), threads
        )

    def speak(self, symbols: str, style: NDArray[np.float32], speed: float) -> Samples:
        """Return the sound of ``symbols``; ``style`` is a voice of shape [510, 1, 256]."""
        ids = [SYMBOL_IDS[symbol] for symbol in symbols if symbol in SYMBOL_IDS][:MAX_SYMBOLS]
        if not any(id_ > _LAST_MARK_ID for id_ in ids):
            return np.zeros(0, np.float32)
        look = style[len(ids) - 1]
        aligned, pitch, energy, durations = self._predictor.run(
            None,
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": look,
                "speed": np.array([speed], np.float32),
            },
        )
        start, end = spoken_frames(ids, durations.reshape(-1).astype(int))
        (audio,) = self._decoder.run(
            None,
            {
                _ALIGNED: np.ascontiguousarray(aligned[:, :, start:end]),
                _PITCH: np.ascontiguousarray(pitch[:, 2 * start : 2 * end]),
                _ENERGY: np.ascontiguousarray(energy[:, 2 * start : 2 * end]),
                "style": look,
            },
        )
        return audio.reshape(-1)


def spoken_frames(ids: Sequence[int], durations: NDArray[np.int_]) -> tuple[int, int]:
    """Return the first and one past the last frame worth decoding.

    The first padding symbol holds the silence before. The silence after is spread over the last phoneme,
    the marks behind it and the final padding; sound ends about where that last phoneme begins.
    """
    marks = next(i for i, id_ in enumerate(reversed(ids)) if id_ > _LAST_MARK_ID)
    total = int(durations.sum())
    start = max(0, int(durations[0]) - LEAD_FRAMES)
    end = min(total, total - int(durations[-(marks + 2) :].sum()) + TAIL_FRAMES)
    return start, max(end, start + 1)
