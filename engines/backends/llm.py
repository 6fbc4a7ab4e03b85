"""What thinks: always a server of its own that speaks OpenAI's API."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from engines.registry import RemoteBackend, backend


@backend(
    "openai-llm",
    stage="llm",
    label=_("OpenAI-compatible chat (vLLM, llama.cpp, TGI, a vendor)"),
    licence=_("of the model or vendor"),
    capabilities={"streaming"},
)
class OpenAILLM(RemoteBackend):
    pass
