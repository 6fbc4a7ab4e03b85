"""llama.cpp's own OpenAI server, in this process, with settings for a telephone call on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.memory import MIB, Demand, weights_bytes
from engines.model_files import read_gguf

# Tokens shared by all slots. A turn is a system prompt, a few passages and a short history: under 1,500.
CONTEXT = 4096
# Two calls, or one call whose next turn is speculated on while the last reply still streams.
SLOTS = 2
UBATCH = 128
# Prompts that left their slot are kept in memory; a call needs little of the default 8 GB.
PROMPT_CACHE_MB = 256
# The vocabulary, and weights packed anew for the processor (python -m bench memory).
RUNTIME_MB = 110.0


def weights_file(folder: Path) -> Path | None:
    """Return the GGUF file in a model's folder, of one in parts the first; None where there is none."""
    return min(folder.glob("*.gguf"), default=None)


def demand(path: Path, context: int = CONTEXT, slots: int = SLOTS, process: str = "llm") -> Demand:
    """Return what ``serve_llm`` takes with one GGUF file: on the CPU, all slots in one cache."""
    gguf = read_gguf(path)
    model = gguf.model
    return Demand(
        "cpu",
        weights_bytes(gguf.tensors, "stored"),
        model.cache_bytes(context),
        model.activations_bytes(UBATCH, slots) + PROMPT_CACHE_MB * MIB,
        RUNTIME_MB,
        process=process,
    )


def server_params(
    model: Path, host: str, port: int, threads: int, context: int = CONTEXT, slots: int = SLOTS
) -> Any:
    """Return the parameters of ``xllamacpp.Server`` for one GGUF file.

    ::

        server = xllamacpp.Server(server_params(path, "127.0.0.1", 8102, threads=2))   # loads, then listens
        del server                                                                     # stops
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {model.parent.name}
    params.hostnames = [host]
    params.port = port
    params.n_ctx = context
    params.n_parallel = slots
    params.kv_unified = True
    # Models that can think aloud first (Qwen3) would keep a caller waiting.
    params.default_template_kwargs = {"enable_thinking": "false"}
    params.n_ubatch = UBATCH
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    for cpu in (params.cpuparams, params.cpuparams_batch):
        # Busy waiting would take the core that speech synthesis runs on.
        cpu.poll = 0
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = True  # how many requests run and wait, for the page Now
    params.verbosity = 1
    return params
