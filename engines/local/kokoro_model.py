"""The Kokoro network, speaking frame by frame: sound goes out while the rest of the sentence is made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.local.base import Samples, onnx_session
from engines.local.kokoro_graph import DURATIONS, FEATURES, PITCH, open_graphs
from engines.local.stitching import Stitcher, speech_level, stretches

MAX_SYMBOLS = 510
STYLE_DIMENSIONS = 256
FRAME_SAMPLES = 600  # 25 ms
# A voice holds a style for each length of text. One for all keeps the voice the same from clause to
# clause, and is what its statistics are taken with; those for short texts are also the least clear.
STYLE_LENGTH = 60
# Silence kept around a text; with less its weak first and last syllables suffer.
LEAD_FRAMES = 4
TAIL_FRAMES = 12
# Decoded on both sides of a stretch and thrown away: more does not change the sound between.
MARGIN_FRAMES = 4
# Where it begins within a voice the generator clicks: so much of its first stretch is never heard.
EDGE_FRAMES = 2
# With these sizes each stretch is made while the one before plays, down to 1.5 times the speed of speech.
FIRST_STRETCH = 14
STRETCH_GROWTH = 1.3
LONGEST_STRETCH = 48

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


@dataclass(frozen=True, slots=True)
class VoiceData:
    """One voice: its style [1, 256], and how its ordinary speech is: loudness as RMS, and the generator's
    statistics (see ``kokoro_graph``)."""

    style: NDArray[np.float32]
    level: float
    statistics: dict[str, NDArray[np.float32]]


class KokoroModel:
    """A Kokoro ONNX file.

    ::

        model = KokoroModel(path, threads=2, cache_dir=data_dir / "cache")
        voice = model.voice(model_dir / "voices/zf_xiaobei.bin", sample_symbols)
        for samples in model.speak(symbols, voice, speed=1.0):
            play(samples)       # float32 at 24 kHz, in stretches of 0.5 to 1.2 s
    """

    def __init__(self, path: Path, threads: int, cache_dir: Path) -> None:
        graphs = open_graphs(path)
        self._path = path
        self._threads = threads
        self._cache_dir = cache_dir
        self._statistics = graphs.statistics
        self._planner = onnx_session(graphs.planner, threads)
        self._generator = onnx_session(graphs.generator, threads)

    def voice(self, path: Path, sample: str) -> VoiceData:
        """Load a voice; how it speaks is measured once, on the symbols of ``sample``, and kept on disk."""
        style = np.fromfile(path, np.float32).reshape(-1, 1, STYLE_DIMENSIONS)[STYLE_LENGTH - 1]
        model = self._path.stat()
        key = hashlib.sha256(f"{sample} {model.st_size} {model.st_mtime_ns}".encode() + style.tobytes())
        kept = self._cache_dir / f"kokoro-{path.stem}-{key.hexdigest()[:16]}.npz"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_name(f"{kept.stem}-{os.getpid()}.part.npz")
            np.savez(partial, *self._measure(sample, style))
            partial.replace(kept)
        with np.load(kept) as arrays:
            level, *statistics = arrays.values()
        return VoiceData(style, float(level), dict(zip(self._statistics, statistics, strict=True)))

    def speak(self, symbols: str, voice: VoiceData, speed: float) -> Iterator[Samples]:
        """Yield the sound of ``symbols`` stretch by stretch, each made when it is asked for."""
        ids = symbol_ids(symbols)
        if not any(id_ > _LAST_MARK_ID for id_ in ids):
            return
        features, pitch = self._plan(ids, voice.style, speed)
        frames, stitcher = pitch.shape[1] // 2, Stitcher()
        cuts = stretches(frames - EDGE_FRAMES, FIRST_STRETCH, STRETCH_GROWTH, LONGEST_STRETCH)
        for start, end in ((start + EDGE_FRAMES, end + EDGE_FRAMES) for start, end in cuts):
            low, high = max(0, start - MARGIN_FRAMES), min(frames, end + MARGIN_FRAMES)
            (audio,) = self._generator.run(
                None,
                {
                    FEATURES: np.ascontiguousarray(features[:, :, 2 * low : 2 * high]),
                    PITCH: np.ascontiguousarray(pitch[:, 2 * low : 2 * high]),
                    "style": voice.style,
                }
                | voice.statistics,
            )
            yield stitcher.add(audio.reshape(-1), (start - low) * FRAME_SAMPLES, (end - low) * FRAME_SAMPLES)

    def _plan(
        self, ids: Sequence[int], style: NDArray[np.float32], speed: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return features [1, 512, 2 T] and pitch [1, 2 T] of the frames worth generating."""
        features, pitch, durations = self._planner.run(
            [FEATURES, PITCH, DURATIONS],
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": style,
                "speed": np.array([speed], np.float32),
            },
        )
        start, end = spoken_frames(ids, durations.reshape(-1).astype(int))
        return features[:, :, 2 * start : 2 * end], pitch[:, 2 * start : 2 * end]

    def _measure(self, sample: str, style: NDArray[np.float32]) -> list[Any]:
        # Needed once a voice: the second copy of the generator does not stay in memory.
        generator = onnx_session(open_graphs(self._path).measuring_generator, self._threads)
        features, pitch = self._plan(symbol_ids(sample), style, 1.0)
        audio, *statistics = generator.run(
            ["audio", *self._statistics],
            {FEATURES: np.ascontiguousarray(features), PITCH: np.ascontiguousarray(pitch), "style": style},
        )
        return [np.float32(speech_level(audio.reshape(-1)[EDGE_FRAMES * FRAME_SAMPLES :])), *statistics]


def symbol_ids(symbols: str) -> list[int]:
    """Return Kokoro's ids of ``symbols``, at most 510; what it does not know is left out."""
    return [SYMBOL_IDS[symbol] for symbol in symbols if symbol in SYMBOL_IDS][:MAX_SYMBOLS]


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
