"""``config.json`` of a language model, in the words of transformers and of the models' own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engines.memory import LanguageModel
from engines.model_files.reader import ModelFileError, kept


def read_config(folder: Path) -> LanguageModel:
    """Return what the memory of a language model follows."""
    return _read(folder / "config.json")


@kept
def _read(path: Path) -> LanguageModel:
    config = json.loads(path.read_text(encoding="utf-8"))
    heads, hidden = _first(config, "num_attention_heads"), _first(config, "hidden_size")
    # GLM-4's own code: its key and value heads stand under another name, and only with this switch.
    shared = config.get("multi_query_group_num") if config.get("multi_query_attention") else None
    return LanguageModel(
        layers=_first(config, "num_hidden_layers", "num_layers"),
        kv_heads=config.get("num_key_value_heads") or shared or heads,
        head_dim=config.get("head_dim") or config.get("kv_channels") or hidden // heads,
        hidden=hidden,
        vocabulary=_first(config, "vocab_size", "padded_vocab_size"),
        context=_first(config, "max_position_embeddings", "seq_length", "model_max_length"),
    )


def _first(config: dict[str, Any], *names: str) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return config[name]
    raise ModelFileError(f"it has no {names[0]}")
