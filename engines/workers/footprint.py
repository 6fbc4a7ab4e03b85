"""Load one model in this process alone, run it, and print what it took, as JSON.

::

    python -m engines.workers.footprint llm FOLDER --texts held_out.json
    python -m engines.workers.footprint whisper FOLDER
    python -m engines.workers.footprint ctranslate2 FOLDER --compute-type int8

``memory_mb`` is what the resident memory grew by (2**20 bytes) over the imported libraries, once the model
is loaded and has run and what it freed is given back; ``peak_mb`` is the most it grew by, ``weights_mb``
what the model's tensors take (not for ``ctranslate2``), ``perplexity`` (``llm`` only) that of the texts.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import math
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

MB = 2**20
# Of the held-out text; more takes minutes on a CPU and changes the perplexity little.
TOKENS = 1024
WINDOW_S = 30


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=("llm", "whisper", "ctranslate2"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--remote-code", action="store_true")
    parser.add_argument("--compute-type", default="default")
    options = parser.parse_args(arguments)
    if options.format == "llm":
        figures = llm(options.folder, json.loads(options.texts.read_text()), options.remote_code)
    elif options.format == "whisper":
        figures = whisper(options.folder)
    else:
        figures = ctranslate2(options.folder, options.compute_type)
    print(json.dumps(figures))
    return 0


def llm(folder: Path, texts: list[str], remote_code: bool) -> dict[str, float]:
    import compressed_tensors.compressors  # noqa: F401  # transformers would import it while it loads
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from engines.local.packed_weights import keep_packed

    options = {"trust_remote_code": remote_code}
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    tokens = [token for text in texts for token in tokenizer(text + "\n")["input_ids"]][:TOKENS]
    losses: list[float] = []

    def run(model: Any) -> None:
        length = min(len(tokens), 256)
        for start in range(0, len(tokens) - length + 1, length):
            ids = torch.tensor([tokens[start : start + length]])
            with torch.inference_mode():
                losses.append(model(input_ids=ids, labels=ids).loss.item())

    def load() -> Any:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", **options)
        keep_packed(model)
        return model

    # The architecture's code and the library of matrices are there before anything is measured.
    torch.ones(8, 8, dtype=torch.bfloat16) @ torch.ones(8, 8, dtype=torch.bfloat16)
    with torch.device("meta"):
        AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, **options), **options)
    model, memory = growth(load, run)
    perplexity = round(math.exp(sum(losses) / len(losses)), 3)
    return {**memory, "weights_mb": weights_mb(model), "perplexity": perplexity}


def whisper(folder: Path) -> dict[str, float]:
    import torch
    from transformers import WhisperForConditionalGeneration

    def run(model: Any) -> None:
        features = torch.zeros(1, model.config.num_mel_bins, WINDOW_S * 100, dtype=model.dtype)
        model.generate(features, max_new_tokens=8)

    model, memory = growth(lambda: WhisperForConditionalGeneration.from_pretrained(folder, dtype="auto"), run)
    return {**memory, "weights_mb": weights_mb(model)}


def ctranslate2(folder: Path, compute_type: str) -> dict[str, float]:
    import numpy as np
    from ctranslate2 import StorageView
    from ctranslate2.models import Whisper

    def run(model: Any) -> None:
        features = np.zeros((1, model.n_mels, WINDOW_S * 100), np.float32)
        start = json.loads((folder / "config.json").read_text()).get("decoder_start_token_id", 50258)
        model.generate(StorageView.from_array(features), [[start]], max_length=8)

    _model, memory = growth(lambda: Whisper(str(folder), device="cpu", compute_type=compute_type), run)
    return memory


def growth(load: Callable[[], Any], run: Callable[[Any], None]) -> tuple[Any, dict[str, float]]:
    reset_peak()
    before = resident()
    model = load()
    run(model)
    gc.collect()
    if sys.platform == "linux":
        # The allocator keeps what was freed, as much as it ever needed, until it is asked.
        ctypes.CDLL(None).malloc_trim(0)
    kept = resident()
    return model, {
        "memory_mb": round((kept - before) / MB, 1),
        "peak_mb": round((max(peak(), kept) - before) / MB, 1),
    }


def weights_mb(model: Any) -> float:
    tensors = {t.data_ptr(): t for t in (*model.parameters(), *model.buffers())}
    return round(sum(t.numel() * t.element_size() for t in tensors.values()) / MB, 2)


def reset_peak() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux hands ru_maxrss down from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def resident() -> int:
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
