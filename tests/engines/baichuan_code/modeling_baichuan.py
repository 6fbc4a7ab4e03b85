"""A model of Baichuan2-13B's shape: one projection for query, key and value, ALiBi, a normalised head.

It keeps its cache as tuples, like code that was written for transformers 4.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_baichuan import BaichuanConfig


def alibi(heads: int, past: int, length: int) -> torch.Tensor:
    """Return the bias [heads, length, past + length]: further back counts less, ahead not at all."""
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    distance = torch.arange(past + length)[None, :] - torch.arange(past, past + length)[:, None]
    bias = distance[None] * slopes[:, None, None]
    return bias.masked_fill(distance[None] > 0, -torch.inf)


class Layer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        size, inner = config.hidden_size, config.intermediate_size
        self.W_pack = nn.Linear(size, 3 * size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)
        self.gate_proj = nn.Linear(size, inner, bias=False)
        self.up_proj = nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)
        self.input_layernorm = nn.RMSNorm(size)
        self.post_attention_layernorm = nn.RMSNorm(size)

    def forward(self, hidden: torch.Tensor, past: Any) -> tuple[torch.Tensor, Any]:
        batch, length, size = hidden.shape
        packed = self.W_pack(self.input_layernorm(hidden)).view(batch, length, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        bias = alibi(self.heads, key.shape[2] - length, length).to(query)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        hidden = hidden + self.o_proj(attended.transpose(1, 2).reshape(batch, length, size))
        normed = self.post_attention_layernorm(hidden)
        hidden = hidden + self.down_proj(F.silu(self.gate_proj(normed)) * self.up_proj(normed))
        return hidden, (key, value)


class BaichuanForCausalLM(PreTrainedModel):
    config_class = BaichuanConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, past_key_values: Any = None, use_cache: bool = True
    ) -> CausalLMOutputWithPast:
        hidden, cache = self.embed_tokens(input_ids), []
        for index, layer in enumerate(self.layers):
            hidden, pair = layer(hidden, past_key_values[index] if past_key_values else None)
            cache.append(pair)
        logits = F.linear(self.norm(hidden), F.normalize(self.lm_head.weight))
        kept: Any = tuple(cache) if use_cache else None
        return CausalLMOutputWithPast(logits=logits, past_key_values=kept)
