"""BGE sentence embeddings on onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from engines.local.base import onnx_session

MAX_TOKENS = 512
BATCH = 32


class BGEEmbedder:
    """A BERT-like encoder whose graph ends in ``sentence_embedding``.

    ::

        embedder = BGEEmbedder(models / "bge-small-zh", threads=2)
        vectors, tokens = embedder.embed(["退款要几天", "多久能退款"])     # [2, 512], unit length
    """

    def __init__(self, model_dir: Path, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        self._session = onnx_session(model_dir / "model.onnx", threads)
        self._inputs = {item.name for item in self._session.get_inputs()}

    def warm(self) -> None:
        self.embed(["预热"])

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Return unit vectors of shape [texts, 512] and the number of tokens; longer texts are cut at 512."""
        # Neighbours of like length waste least padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors: dict[int, NDArray[np.float32]] = {}
        tokens = 0
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            encoded = self._tokenizer.encode_batch([texts[i] for i in rows])
            tokens += sum(sum(e.attention_mask) for e in encoded)
            feeds = {
                "input_ids": np.array([e.ids for e in encoded], np.int64),
                "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
                "token_type_ids": np.array([e.type_ids for e in encoded], np.int64),
            }
            (batch,) = self._session.run(
                ["sentence_embedding"], {name: value for name, value in feeds.items() if name in self._inputs}
            )
            vectors |= zip(rows, batch, strict=True)
        matrix = np.stack([vectors[i] for i in range(len(texts))])
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True), tokens
