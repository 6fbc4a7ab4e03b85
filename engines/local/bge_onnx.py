"""BGE sentence embeddings on onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.local.base import onnx_session
from engines.local.text_batches import MAX_TOKENS, by_length, feeds, load_tokenizer

# Outputs of the usual exports: the vector itself, or the states of all tokens, the first of which is it.
SENTENCE, TOKENS = "sentence_embedding", "last_hidden_state"


class BGEEmbedder:
    """A BERT-like encoder: ``model.onnx`` and ``tokenizer.json``.

    ::

        embedder = BGEEmbedder(models / "bge-small-zh", threads=2)
        vectors, tokens = embedder.embed(["退款要几天", "多久能退款"])     # [2, 512], unit length

    The graph has the output ``sentence_embedding``, or ``last_hidden_state``; ValueError otherwise.
    """

    def __init__(self, model_dir: Path, threads: int) -> None:
        self._tokenizer = load_tokenizer(model_dir)
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = onnx_session(model_dir / "model.onnx", threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        outputs = [item.name for item in self._session.get_outputs()]
        known = [name for name in (SENTENCE, TOKENS) if name in outputs]
        if not known:
            raise ValueError(f"model.onnx gives {', '.join(outputs)}; {SENTENCE} or {TOKENS} is needed")
        self._output = known[0]

    def warm(self) -> None:
        self.embed(["预热"])

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return unit vectors of shape [texts, dimensions] and the tokens of each; a text is cut at 512."""
        vectors: dict[int, NDArray[np.float32]] = {}
        tokens = [0] * len(texts)
        for rows in by_length([len(text) for text in texts]):
            encoded = self._tokenizer.encode_batch([texts[i] for i in rows])
            (batch,) = self._session.run([self._output], feeds(encoded, self._inputs))
            vectors |= zip(rows, batch if self._output == SENTENCE else batch[:, 0], strict=True)
            for i, item in zip(rows, encoded, strict=True):
                tokens[i] = len(item.ids)
        matrix = np.stack([vectors[i] for i in range(len(texts))])
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True), tokens
