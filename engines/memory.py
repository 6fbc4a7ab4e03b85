"""How much memory an engine takes, from the shape of its model: plain arithmetic, no files, no libraries.

::

    weights = weights_bytes(read_safetensors(folder), "bfloat16")
    model = read_config(folder)
    demand = model.demand("cuda", weights, context=8192, sequences=4)
    predict(demand, gpu_mb=16384).total_mb

MB are 2**20 bytes, as nvidia-smi counts them. Where the formulas come from:

- Weights: parameters x bytes of the precision. Files that are quantised already (GPTQ, AWQ, GGUF) hold the
  bytes that are loaded. int8 keeps a float32 scale a row (CTranslate2, "Quantization"; LLM.int8(),
  arXiv:2208.07339), 4-bit a float32 for each 64 weights (QLoRA, arXiv:2305.14314, section 3). Embeddings,
  output layer, norms and biases stay as they are.
- KV cache: 2 x layers x KV heads x head dimension x tokens x bytes (PagedAttention, arXiv:2309.06180).
- A share of the GPU: vLLM fills its ``gpu_memory_utilization`` with KV cache, whatever the model is (vLLM's
  documentation, "Conserving Memory").
- Activations: the widest tensors of a layer at its largest request; the layers reuse them.
- A CUDA context: ``CUDA_CONTEXT_MB`` a process, measured (docs/engines.md, "Memory").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

MIB = 2**20
Device = Literal["cpu", "cuda"]
Precision = Literal["stored", "float32", "float16", "bfloat16", "int8", "4-bit"]

CUDA_CONTEXT_MB = 690.0
FLOAT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
# onnxruntime keeps the weights as stored and packed for its kernels (its documentation, "prepacking").
ONNX_COPIES = 2
# Values a token has at the widest place of a layer, in units of ``hidden``; GLM-4-9B measured 17.6.
ACTIVATION_WIDTH = 18
BLOCK = 64  # 4-bit weights that share a scale
KEPT = ("embed", "lm_head", "wte", "output_layer", "output.weight")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a model's file: its shape, and the bytes it has there."""

    name: str
    shape: tuple[int, ...]
    stored_bytes: int
    is_float: bool = True

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Demand:
    """What an engine asks of the machine it runs on, as its backend says (``Backend.demand``).

    ``activations_bytes`` are those of its largest request. ``process`` names who runs it: engines of one
    process share a CUDA context. With ``share`` (0 to 1) the process takes that part of the GPU, and
    ``sequence_bytes`` is the cache it needs at least. ``overhead_mb`` is its libraries' own; None: a CUDA
    context on a GPU, nothing on a CPU.
    """

    device: Device
    weights_bytes: float
    kv_cache_bytes: float = 0
    activations_bytes: float = 0
    overhead_mb: float | None = None
    process: str = "engines"
    share: float = 0
    sequence_bytes: float = 0


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """What the memory of a language model follows, besides its weights.

    ``context`` is the longest it was made for and ``vocabulary`` its size, in tokens; ``hidden`` the values
    of a token between layers.
    """

    layers: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocabulary: int
    context: int

    def cache_bytes(self, tokens: int, value_bytes: float = 2) -> float:
        """Return the bytes of keys and values; a value has 2 in float16, 1 in an fp8 cache."""
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * value_bytes

    def activations_bytes(self, tokens: int, sequences: int = 1) -> float:
        """Return what reading ``tokens`` of all ``sequences`` takes: in 16 bits the token and a gated
        feed-forward layer (two sides, their product), and the float32 scores of each next token."""
        return tokens * self.hidden * ACTIVATION_WIDTH * 2 + sequences * self.vocabulary * 4

    def demand(
        self,
        device: Device,
        weights: float,
        context: int,
        sequences: int,
        *,
        value_bytes: float = 2,
        tokens_at_once: int = 2048,
        process: str = "engines",
        share: float = 0,
    ) -> Demand:
        """Return the demand of a server (or a process) that holds ``sequences`` of ``context`` tokens."""
        return Demand(
            device,
            weights,
            self.cache_bytes(context * sequences, value_bytes),
            self.activations_bytes(min(tokens_at_once, context), sequences),
            process=process,
            share=share,
            sequence_bytes=self.cache_bytes(context, value_bytes),
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """The parts of an engine's memory in MB: ``loaded_mb`` before its first request, ``total_mb`` at most.

    ``short_mb`` is what a share of the GPU lacks for the weights and one sequence; 0 when they fit.
    """

    device: Device
    process: str
    weights_mb: float
    kv_cache_mb: float
    activations_mb: float
    overhead_mb: float
    short_mb: float = 0

    @property
    def loaded_mb(self) -> float:
        return self.weights_mb + self.kv_cache_mb + self.overhead_mb

    @property
    def total_mb(self) -> float:
        return self.loaded_mb + self.activations_mb


def predict(demand: Demand, gpu_mb: float) -> Prediction:
    """Return what ``demand`` comes to; ``gpu_mb`` is the memory of the GPU that a share is of."""
    overhead = demand.overhead_mb
    if overhead is None:
        overhead = CUDA_CONTEXT_MB if demand.device == "cuda" else 0.0
    weights, cache, activations = (
        part / MIB for part in (demand.weights_bytes, demand.kv_cache_bytes, demand.activations_bytes)
    )
    short = 0.0
    if demand.share:
        left, least = demand.share * gpu_mb - weights - activations - overhead, demand.sequence_bytes / MIB
        cache, short = max(left, least), max(0.0, least - left)
    return Prediction(demand.device, demand.process, weights, cache, activations, overhead, short)


def together_mb(predictions: Iterable[Prediction], device: Device) -> float:
    """Return what these engines take of a device at most; a process has one CUDA context."""
    chosen = [one for one in predictions if one.device == device]
    total = sum(one.total_mb for one in chosen)
    if device == "cuda":
        contexts: dict[str, list[float]] = {}
        for one in chosen:
            contexts.setdefault(one.process, []).append(one.overhead_mb)
        total -= sum(sum(each) - max(each) for each in contexts.values())
    return total


def is_linear(tensor: Tensor) -> bool:
    """Whether quantisation takes it: a matrix that is neither embedding nor output layer."""
    return len(tensor.shape) == 2 and not any(word in tensor.name for word in KEPT)


def weights_bytes(
    tensors: Iterable[Tensor],
    precision: Precision,
    is_quantized: Callable[[Tensor], bool] = is_linear,
    rest: Precision = "bfloat16",
) -> float:
    """Return the bytes that a model's tensors take once loaded in ``precision``.

    ``is_quantized`` says which of them int8 and 4-bit apply to, ``rest`` is the precision of the others.
    Tensors that are not of floating point (already quantised, indices) stay as they are.
    """
    return sum(_bytes(tensor, precision, is_quantized, rest) for tensor in tensors)


def _bytes(
    tensor: Tensor, precision: Precision, is_quantized: Callable[[Tensor], bool], rest: Precision
) -> float:
    if precision == "stored" or not tensor.is_float:
        return tensor.stored_bytes
    if precision in FLOAT_BYTES:
        return tensor.count * FLOAT_BYTES[precision]
    if not is_quantized(tensor):
        return tensor.count * FLOAT_BYTES[rest]
    if precision == "int8":
        return tensor.count + 4 * tensor.shape[0]
    return tensor.count / 2 + 4 * tensor.count / BLOCK
