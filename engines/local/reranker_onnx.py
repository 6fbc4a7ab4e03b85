"""BGE rerankers on onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from engines.local.base import onnx_session
from engines.local.text_batches import MAX_QUERY_TOKENS, MAX_TOKENS, by_length, feeds, load_tokenizer


class ONNXReranker:
    """A cross-encoder with one output, ``logits``: ``model.onnx`` and ``tokenizer.json``.

    ::

        reranker = ONNXReranker(models / "bge-reranker-base-onnx", threads=2)
        scores, tokens = reranker.score("几天能退款", ["三天内退款。", "周六开门。"])     # 0 to 1 each
    """

    def __init__(self, model_dir: Path, threads: int) -> None:
        self._tokenizer = load_tokenizer(model_dir)
        self._room = MAX_TOKENS - self._tokenizer.num_special_tokens_to_add(is_pair=True)
        self._session = onnx_session(model_dir / "model.onnx", threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        outputs = [item.name for item in self._session.get_outputs()]
        if "logits" not in outputs:
            raise ValueError(f"model.onnx gives {', '.join(outputs)}; a reranker gives logits")

    def warm(self) -> None:
        self.score("预热", ["预热"])

    def score(self, query: str, passages: Sequence[str]) -> tuple[list[float], int]:
        """Return how well each passage answers ``query``, 0 to 1, and the tokens read.

        A question is cut at 384 tokens, a passage where both together reach 512.
        """
        question = self._plain([query])[0]
        question.truncate(MAX_QUERY_TOKENS)
        pairs = self._plain(passages)
        for i, passage in enumerate(pairs):
            passage.truncate(self._room - len(question.ids))
            pairs[i] = self._tokenizer.post_process(question, passage)
        lengths = [len(pair.ids) for pair in pairs]
        logits = np.zeros(len(pairs))
        for rows in by_length(lengths):
            (batch,) = self._session.run(["logits"], feeds([pairs[i] for i in rows], self._inputs))
            logits[rows] = batch[:, 0]
        return (1 / (1 + np.exp(-logits))).tolist(), sum(lengths)

    def _plain(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
