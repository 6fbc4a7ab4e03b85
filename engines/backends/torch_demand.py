"""What engines on PyTorch take of memory, from the files of their checkpoints."""

from __future__ import annotations

from pathlib import Path

from engines.memory import Demand, Device, Precision, weights_bytes
from engines.model_files import read_config, read_safetensors

# PyTorch and transformers themselves, imported, on a processor; on a GPU its context is counted instead.
LIBRARIES_MB = 500.0


def overhead_mb(device: Device) -> float | None:
    return LIBRARIES_MB if device == "cpu" else None


def chat_demand(
    folder: Path,
    device: Device,
    dtype: str,
    context: int,
    sequences: int,
    process: str = "engines",
    share: float = 0,
) -> Demand:
    """Return the demand of a language model in the format of transformers; ``dtype`` auto: as stored."""
    precision: Precision = "stored" if dtype == "auto" else dtype  # type: ignore[assignment]
    weights = weights_bytes(read_safetensors(folder), precision)
    return read_config(folder).demand(device, weights, context, sequences, process=process, share=share)


def encoder_demand(folder: Path, device: Device, fp16: bool, activations: float) -> Demand:
    """Return the demand of a BGE model in the format of transformers."""
    precision: Precision = "float16" if fp16 and device == "cuda" else "float32"
    weights = weights_bytes(read_safetensors(folder), precision)
    return Demand(device, weights, 0, activations, overhead_mb(device))
