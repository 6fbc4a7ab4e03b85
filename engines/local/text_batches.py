"""What encoders of texts share: batches of like length, and their tokens as an ONNX graph takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

# Tokens of a text (of a question and a passage together) that the models read; the rest is cut off.
MAX_TOKENS = 512
# A longer question would leave no room for the passage.
MAX_QUERY_TOKENS = MAX_TOKENS * 3 // 4
BATCH = 32


def by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indexes in batches, neighbours of like length together: that wastes least padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def load_tokenizer(model_dir: Path) -> Tokenizer:
    """Return the tokenizer of a model without the truncation and padding it was saved with."""
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def feeds(encoded: Sequence[Encoding], inputs: Collection[str]) -> dict[str, NDArray[np.int64]]:
    """Return those of the usual inputs that a graph has, padded at the right to the longest.

    Padding is 0 whatever the model's own padding token is: the attention mask hides it.
    """
    columns = {
        "input_ids": [item.ids for item in encoded],
        "attention_mask": [item.attention_mask for item in encoded],
        "token_type_ids": [item.type_ids for item in encoded],
    }
    shape = len(encoded), max(len(item.ids) for item in encoded)
    padded = {name: np.zeros(shape, np.int64) for name in columns if name in inputs}
    for name, matrix in padded.items():
        for row, values in zip(matrix, columns[name], strict=True):
            row[: len(values)] = values
    return padded
