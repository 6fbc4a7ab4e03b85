"""What puts passages in order: question and passage read together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.backends.embedding import bert_activations, onnx_demand
from engines.backends.torch_demand import encoder_demand
from engines.catalog import model_dir
from engines.local.base import Reranker
from engines.memory import Demand
from engines.model_files import read_safetensors
from engines.registry import LocalBackend, Place, RemoteBackend, backend


@backend(
    "bge-reranker-onnx",
    stage="rerank",
    label="BGE reranker (onnxruntime)",
    licence="MIT",
    packages=("onnxruntime", "tokenizers"),
    formats=("onnx",),
)
class RerankerOnnx(LocalBackend):
    model: str = Field(title=_("Model"), description=_("Catalogue id of a BGE reranker."))

    def demand_of(self, folder: Path) -> Demand:
        return onnx_demand(folder)

    def load(self, place: Place) -> Reranker:
        from engines.local.reranker_onnx import ONNXReranker

        return ONNXReranker(model_dir(self.model), place.threads)


@backend(
    "flag-reranker",
    stage="rerank",
    label="BGE reranker (FlagEmbedding)",
    licence="MIT",
    packages=("FlagEmbedding", "torch"),
    formats=("transformers",),
    extra="requirements/torch.txt",
)
class FlagReranker(LocalBackend):
    model: str = Field(
        "bge-reranker-base", title=_("Model"), description=_("Catalogue id of a BGE reranker.")
    )
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    fp16: bool = Field(False, title=_("Half precision"), description=_("Faster on a GPU; not used on a CPU."))

    def demand_of(self, folder: Path) -> Demand:
        activations = bert_activations(read_safetensors(folder))
        return encoder_demand(folder, self.runs_on, self.fp16, activations)

    def load(self, place: Place) -> Reranker:
        from engines.local.flag import FlagCrossEncoder

        return FlagCrossEncoder(model_dir(self.model), place.threads, self.device, self.fp16)


@backend(
    "rerank-api",
    stage="rerank",
    label=_("Reranking at /rerank (vLLM, llama.cpp, Jina, a vendor)"),
    licence=_("of the model or vendor"),
)
class RerankAPI(RemoteBackend):
    pass
