"""What hears."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.catalog import model_dir
from engines.local.base import LocalSTTEngine
from engines.memory import FLOAT_BYTES, Demand, Precision, Tensor, weights_bytes
from engines.model_files import ModelFileError, read_ctranslate2
from engines.registry import LocalBackend, Place, RemoteBackend, backend

# CTranslate2, PyAV, the tokenizer and OpenCC, on a CPU (python -m bench memory).
RUNTIME_MB = 55.0
FRAMES, TOKENS, HEAD_DIM, BEAMS = 1500, 448, 64, 5  # of Whisper: 30 s, its longest text


def is_quantized_by_ctranslate2(tensor: Tensor) -> bool:
    """CTranslate2 quantises what ends in ``weight``, of Whisper not the convolutions (models/whisper.cc)."""
    return tensor.name.endswith("weight") and "conv" not in tensor.name


def whisper_activations(tensors: Iterable[Tensor], value_bytes: int) -> float:
    """Return the bytes of 30 s of speech: scores and feed-forward of the encoder, and the decoder's cache."""
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    if "encoder/position_encodings/encodings" not in shapes:
        raise ModelFileError(gettext("model.bin is not a Whisper model"))
    hidden = shapes["encoder/position_encodings/encodings"][1]
    layers = sum(name.startswith("decoder/") and name.endswith("/ffn/linear_0/weight") for name in shapes)
    encoder = FRAMES * FRAMES * (hidden // HEAD_DIM) + FRAMES * hidden * 8
    cache = 2 * layers * hidden * (BEAMS * TOKENS + FRAMES)
    return (encoder + cache) * value_bytes


@backend(
    "faster-whisper",
    stage="stt",
    label="Whisper (CTranslate2)",
    licence="MIT",
    capabilities={"hot_words"},
    packages=("faster_whisper",),
    formats=("ctranslate2",),
)
class FasterWhisper(LocalBackend):
    model: str = Field("whisper-base", title=_("Model"), description=_("Catalogue id of a Whisper model."))
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    compute_type: Literal["int8", "int8_float16", "float16", "float32"] = Field(
        "int8",
        title=_("Precision"),
        description=_("int8 on a CPU, int8_float16 or float16 on a GPU."),
    )

    def demand_of(self, folder: Path) -> Demand:
        tensors = read_ctranslate2(folder / "model.bin")
        rest: Precision = "float16" if self.compute_type in ("float16", "int8_float16") else "float32"
        precision: Precision = "int8" if self.compute_type.startswith("int8") else rest
        weights = weights_bytes(tensors, precision, is_quantized_by_ctranslate2, rest)
        activations = whisper_activations(tensors, FLOAT_BYTES[rest])
        overhead = RUNTIME_MB if self.runs_on == "cpu" else None
        return Demand(self.runs_on, weights, 0, activations, overhead)

    def load(self, place: Place) -> LocalSTTEngine:
        from engines.local.faster_whisper import FasterWhisperSTT

        # One core stays for the turn detector, which listens to the same pause: on two cores an utterance is
        # heard as soon with one thread, and sooner beside it (docs/performance.md).
        threads = max(1, place.threads - 1)
        return FasterWhisperSTT(model_dir(self.model), threads, self.device, self.compute_type)


@backend(
    "openai-stt",
    stage="stt",
    label=_("OpenAI-compatible speech recognition"),
    licence=_("of the vendor"),
    capabilities={"hot_words"},
)
class OpenAISTT(RemoteBackend):
    pass
