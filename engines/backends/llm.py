"""What thinks: in the engine server, a server of its own that ``manage.py start`` runs, or one elsewhere."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.catalog import model_dir
from engines.local.base import LocalLLMEngine
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
    pass


@backend(
    "transformers",
    stage="llm",
    label=_("transformers, in the engine server"),
    licence="Apache-2.0",
    capabilities={"streaming"},
    packages=("torch", "transformers", "accelerate"),
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

    def load(self, place: Place) -> LocalLLMEngine:
        from engines.local.transformers_llm import TransformersLLM

        return TransformersLLM(
            model_dir(self.model), place.threads, self.device, self.dtype, self.context, self.remote_code
        )
