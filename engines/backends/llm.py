"""What thinks: in the engine server, a server of its own that ``manage.py start`` runs, or one elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.conf import settings
from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.backends.torch_demand import chat_demand
from engines.catalog import get_model, model_dir
from engines.llm_choice import served_llm
from engines.local.base import LocalLLMEngine
from engines.local.llama_cpp import demand, weights_file
from engines.memory import MIB, Demand
from engines.registry import LocalBackend, Place, RemoteBackend, backend

MODEL = _("Catalogue id, or the absolute path of a folder with a model's files.")


@backend(
    "openai-llm",
    stage="llm",
    label=_("OpenAI-compatible chat (vLLM, llama.cpp, TGI, a vendor)"),
    licence=_("of the model or vendor"),
    capabilities={"streaming"},
)
class OpenAILLM(RemoteBackend):
    def demand(self) -> Demand | None:
        if self.base_url.rstrip("/") != settings.AIKER.llm_url:
            return None
        model = served_llm()  # manage.py serve_llm
        path = weights_file(model_dir(model))
        return demand(path) if path else Demand("cpu", get_model(model).memory_mb * MIB)


@backend(
    "transformers",
    stage="llm",
    label=_("transformers, in the engine server"),
    licence="Apache-2.0",
    capabilities={"streaming"},
    packages=("torch", "transformers", "accelerate"),
    formats=("transformers",),
    extra="requirements/torch.txt",
)
class Transformers(LocalBackend):
    model_files = "config.json"

    model: str = Field(min_length=1, title=_("Model"), description=MODEL)
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", title=_("Precision"), description=_("auto: as the weights are stored.")
    )
    context: int = Field(
        4096,
        ge=256,
        title=_("Context (tokens)"),
        description=_("The longest conversation with its answer; more takes more memory."),
    )
    remote_code: bool = Field(
        False,
        title=_("Run the model's own code"),
        description=_("Some models come with Python files. They may do anything: only from those you trust."),
    )

    def demand_of(self, folder: Path) -> Demand:
        return chat_demand(folder, self.runs_on, self.dtype, self.context, sequences=1)

    def load(self, place: Place) -> LocalLLMEngine:
        from engines.local.transformers_llm import TransformersLLM

        return TransformersLLM(
            model_dir(self.model), place.threads, self.device, self.dtype, self.context, self.remote_code
        )
