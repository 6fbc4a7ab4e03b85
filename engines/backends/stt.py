"""What hears."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.catalog import model_dir
from engines.local.base import LocalSTTEngine
from engines.registry import LocalBackend, Place, RemoteBackend, backend


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

    def load(self, place: Place) -> LocalSTTEngine:
        from engines.local.faster_whisper import FasterWhisperSTT

        return FasterWhisperSTT(model_dir(self.model), place.threads, self.device, self.compute_type)


@backend(
    "openai-stt",
    stage="stt",
    label=_("OpenAI-compatible speech recognition"),
    licence=_("of the vendor"),
    capabilities={"hot_words"},
)
class OpenAISTT(RemoteBackend):
    pass
