"""Servers of language models that ``manage.py start`` runs on this machine: vLLM, llama.cpp, TGI."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import AfterValidator, Field

from aiker.config import BASE_DIR
from engines.backends.torch_demand import chat_demand
from engines.catalog import get_model, model_dir
from engines.local.chat_templates import missing_template
from engines.local.llama_cpp import demand
from engines.memory import MIB, Demand
from engines.model_files import ModelFileError
from engines.registry import ServerBackend, backend

# Models that can think aloud first (Qwen3) would keep a caller waiting; other templates do not look at it.
NO_THINKING = {"enable_thinking": False}
# Nothing is asked of a hub, and nobody is told what runs here.
ALONE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def _splittable(arguments: str) -> str:
    shlex.split(arguments)
    return arguments


Arguments = Annotated[str, AfterValidator(_splittable)]


class _GpuServer(ServerBackend):
    """What vLLM and TGI have in common."""

    model_files = "config.json"

    context: int = Field(
        4096,
        ge=256,
        title=_("Context (tokens)"),
        description=_("The longest conversation with its answer; more takes more memory."),
    )
    sequences: int = Field(
        16, ge=1, title=_("Answers at once"), description=_("More requests wait their turn.")
    )
    gpu_share: float = Field(
        0.8,
        gt=0,
        le=1,
        title=_("Share of the GPU's memory"),
        description=_("Weights and caches together; leave room for the other engines."),
    )
    remote_code: bool = Field(
        False,
        title=_("Run the model's own code"),
        description=_("Some models come with Python files. They may do anything: only from those you trust."),
    )
    extra_arguments: Arguments = Field(
        "", title=_("More arguments"), description=_("As on a command line; the server's manual has them.")
    )

    def environment(self) -> dict[str, str]:
        return ALONE

    def demand_of_catalogue(self) -> Demand:
        weights = get_model(self.model).memory_mb * MIB
        return Demand("cuda", weights, process=self.process, share=self.gpu_share)

    def demand_of(self, folder: Path) -> Demand:
        return chat_demand(
            folder, "cuda", self.precision, self.context, self.sequences, self.process, self.gpu_share
        )

    @property
    def precision(self) -> str:
        return "auto"


@backend(
    "vllm",
    stage="llm",
    label=_("vLLM, run on this machine"),
    formats=("transformers",),
    licence="Apache-2.0",
    capabilities={"streaming"},
)
class VLLM(_GpuServer):
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", title=_("Precision"), description=_("auto: as the weights are stored.")
    )
    quantization: str = Field(
        "",
        pattern=r"^[a-z0-9_-]*$",
        title=_("Quantisation"),
        description=_(
            "Empty: as config.json of the model says (gptq, awq, ...); fp8 quantises while loading."
        ),
    )

    @property
    def precision(self) -> str:
        return self.dtype

    @classmethod
    def program(cls) -> str:
        return str(settings.AIKER.vllm)

    @classmethod
    def remedy(cls) -> str:
        return gettext("Run make vllm, or set AIKER_VLLM.")

    def arguments(self) -> list[str]:
        folder = model_dir(self.model)
        arguments = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(self.port)]
        arguments += ["--served-model-name", self.served_name, "--max-model-len", str(self.context)]
        arguments += ["--max-num-seqs", str(self.sequences), "--gpu-memory-utilization", str(self.gpu_share)]
        arguments += ["--dtype", self.dtype, "--disable-uvicorn-access-log"]
        arguments += ["--default-chat-template-kwargs", json.dumps(NO_THINKING)]
        if self.quantization:
            arguments += ["--quantization", self.quantization]
        if template := missing_template(folder):
            arguments += ["--chat-template", str(template.path)]
        if self.remote_code:
            arguments.append("--trust-remote-code")
        return arguments + shlex.split(self.extra_arguments)

    def environment(self) -> dict[str, str]:
        return ALONE | {"VLLM_NO_USAGE_STATS": "1"}


@backend(
    "tgi",
    stage="llm",
    label=_("Text Generation Inference, run on this machine"),
    licence="Apache-2.0",
    capabilities={"streaming"},
)
class TGI(_GpuServer):
    quantization: Literal[
        "", "awq", "compressed-tensors", "eetq", "exl2", "gptq", "marlin", "bitsandbytes-nf4", "fp8"
    ] = Field("", title=_("Quantisation"), description=_("Empty: as config.json of the model says."))

    @classmethod
    def program(cls) -> str:
        return str(settings.AIKER.tgi)

    @classmethod
    def remedy(cls) -> str:
        return gettext("Install Text Generation Inference, or set AIKER_TGI to its launcher.")

    def arguments(self) -> list[str]:
        arguments = ["--model-id", str(model_dir(self.model)), "--hostname", "127.0.0.1"]
        arguments += ["--port", str(self.port), "--max-total-tokens", str(self.context)]
        arguments += ["--max-input-tokens", str(self.context - 1)]
        arguments += ["--max-concurrent-requests", str(self.sequences)]
        arguments += ["--cuda-memory-fraction", str(self.gpu_share), "--usage-stats", "off"]
        # Two servers on one machine must not share the socket of their shards.
        arguments += ["--shard-uds-path", f"/tmp/text-generation-server-{self.port}"]
        if self.quantization:
            arguments += ["--quantize", self.quantization]
        if self.remote_code:
            arguments.append("--trust-remote-code")
        return arguments + shlex.split(self.extra_arguments)


@backend(
    "llama.cpp",
    stage="llm",
    label=_("llama.cpp, run on this machine"),
    licence="MIT",
    capabilities={"streaming"},
    packages=("xllamacpp",),
    formats=("gguf",),
)
class LlamaCpp(ServerBackend):
    model_files = "*.gguf"

    context: int = Field(
        4096,
        ge=256,
        title=_("Context (tokens)"),
        description=_("Shared by all answers that are written at once; more takes more memory."),
    )
    sequences: int = Field(
        2, ge=1, title=_("Answers at once"), description=_("More requests wait their turn.")
    )

    @classmethod
    def program(cls) -> str:
        return sys.executable

    @classmethod
    def remedy(cls) -> str:
        return ""  # what runs this runs it, too

    def arguments(self) -> list[str]:
        command = [str(BASE_DIR / "manage.py"), "serve_llm", "--model", self.model, "--port", str(self.port)]
        return [*command, "--context", str(self.context), "--slots", str(self.sequences)]

    def demand_of(self, folder: Path) -> Demand:
        files = sorted(folder.glob(self.model_files))
        if not files:
            raise ModelFileError(f"{folder.name}: no {self.model_files}")
        return demand(files[0], self.context, self.sequences, process=self.process)
