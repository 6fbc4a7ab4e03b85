"""What finds: text as vectors."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.catalog import model_dir
from engines.local.base import Embedder
from engines.registry import LocalBackend, Place, backend


@backend(
    "bge-onnx",
    stage="embedding",
    label="BGE (onnxruntime)",
    licence="MIT",
    packages=("onnxruntime", "tokenizers"),
    formats=("onnx",),
)
class BGEOnnx(LocalBackend):
    model: str = Field("bge-small-zh", title=_("Model"), description=_("Catalogue id of a BGE model."))

    def load(self, place: Place) -> Embedder:
        from engines.local.bge_onnx import BGEEmbedder

        return BGEEmbedder(model_dir(self.model), place.threads)


@backend(
    "flagembedding",
    stage="embedding",
    label="BGE (FlagEmbedding)",
    licence="MIT",
    packages=("FlagEmbedding", "torch"),
    extra="requirements/torch.txt",
)
class FlagEmbedding(LocalBackend):
    model: str = Field("bge-large-zh", title=_("Model"), description=_("Catalogue id of a BGE model."))
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    fp16: bool = Field(False, title=_("Half precision"), description=_("Faster on a GPU; not used on a CPU."))

    def load(self, place: Place) -> Embedder:
        from engines.local.flag import FlagEmbedder

        return FlagEmbedder(model_dir(self.model), place.threads, self.device, self.fp16)
