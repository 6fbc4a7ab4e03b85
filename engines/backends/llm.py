"""What thinks: always a server of its own that speaks OpenAI's API."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_noop as _

from engines.catalog import get_model, model_dir, served_llm
from engines.local.llama_cpp import demand
from engines.memory import MIB, Demand
from engines.registry import RemoteBackend, backend


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
        path = model_dir(served_llm()) / "model.gguf"  # manage.py serve_llm
        return demand(path) if path.exists() else Demand("cpu", get_model(served_llm()).memory_mb * MIB)
