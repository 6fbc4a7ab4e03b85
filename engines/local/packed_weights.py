"""Keep the 4-bit weights of a quantised model packed while it runs.

::

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    keep_packed(model)

Without it, transformers unpacks a whole model in compressed-tensors' format at its first forward pass: it
then takes as much memory as before it was quantised.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch.nn.functional import linear


def keep_packed(model: torch.nn.Module) -> int:
    """Unpack each layer for its own multiplication only; return how many layers do so, 0 without any."""
    hook = getattr(model, "ct_decompress_hook", None)
    if hook is None:
        return 0
    from compressed_tensors.quantization import QuantizationStatus

    hook.remove()
    del model.ct_decompress_hook
    packed = [
        layer
        for layer in model.modules()
        if getattr(layer, "quantization_status", None) is QuantizationStatus.COMPRESSED
    ]
    for layer in packed:
        layer.forward = MethodType(_forward, layer)
    return len(packed)


def _forward(layer: torch.nn.Linear, values: torch.Tensor) -> torch.Tensor:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.utils import get_direct_state_dict

    scheme = layer.quantization_scheme
    compressor = BaseCompressor.get_value_from_registry(scheme.format.value)
    weight = compressor.decompress(get_direct_state_dict(layer), scheme)["weight"]
    return linear(values, weight.to(values.dtype), layer.bias)
