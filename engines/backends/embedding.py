"""What finds: text as vectors."""

from __future__ import annotations

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
