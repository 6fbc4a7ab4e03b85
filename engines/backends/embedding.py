"""What finds: text as vectors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.backends.torch_demand import encoder_demand
from engines.catalog import model_dir
from engines.local.base import Embedder
from engines.memory import ONNX_COPIES, Demand, Tensor, weights_bytes
from engines.model_files import ModelFileError, read_onnx, read_safetensors
from engines.registry import LocalBackend, Place, backend

RUNTIME_MB = 25.0  # onnxruntime and the tokenizer (python -m bench memory)
TEXTS, TOKENS, HEAD_DIM = 32, 512, 64  # the largest batch of engines.local.bge_onnx; BERT's heads


def bert_activations(tensors: Iterable[Tensor]) -> float:
    """Return the bytes of the largest batch in float32: the scores three times (raw, masked, as weights), the
    feed-forward layer (four times as wide) twice, and the token, its query, key and value."""
    tables = [t.shape for t in tensors if "word_embeddings" in t.name and len(t.shape) == 2]
    if not tables:
        raise ModelFileError(gettext("model.onnx is not a BERT: it has no word embeddings"))
    hidden = tables[0][1]
    return TEXTS * TOKENS * 4 * (3 * TOKENS * hidden / HEAD_DIM + (2 * 4 + 4) * hidden)


def onnx_demand(folder: Path) -> Demand:
    """Return the demand of a BGE model on onnxruntime."""
    tensors = read_onnx(folder / "model.onnx")
    stored = weights_bytes(tensors, "stored")
    return Demand("cpu", stored * ONNX_COPIES, 0, bert_activations(tensors), RUNTIME_MB)


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

    def demand_of(self, folder: Path) -> Demand:
        return onnx_demand(folder)

    def load(self, place: Place) -> Embedder:
        from engines.local.bge_onnx import BGEEmbedder

        return BGEEmbedder(model_dir(self.model), place.threads)


@backend(
    "flagembedding",
    stage="embedding",
    label="BGE (FlagEmbedding)",
    licence="MIT",
    packages=("FlagEmbedding", "torch"),
    formats=("transformers",),
    extra="requirements/torch.txt",
)
class FlagEmbedding(LocalBackend):
    model: str = Field("bge-large-zh", title=_("Model"), description=_("Catalogue id of a BGE model."))
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    fp16: bool = Field(False, title=_("Half precision"), description=_("Faster on a GPU; not used on a CPU."))

    def demand_of(self, folder: Path) -> Demand:
        activations = bert_activations(read_safetensors(folder))
        return encoder_demand(folder, self.runs_on, self.fp16, activations)

    def load(self, place: Place) -> Embedder:
        from engines.local.flag import FlagEmbedder

        return FlagEmbedder(model_dir(self.model), place.threads, self.device, self.fp16)
