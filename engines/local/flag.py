"""BGE models through FlagEmbedding, their authors' library, on torch: checkpoints as they are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from FlagEmbedding import FlagModel, FlagReranker
from numpy.typing import NDArray

from engines.local.text_batches import BATCH, MAX_QUERY_TOKENS, MAX_TOKENS, by_length

# FlagEmbedding draws a progress bar when a batch is full.
NEVER_FULL = BATCH + 1


class FlagEmbedder:
    """FlagEmbedding's ``FlagModel``: the state of the first token, at unit length.

    ::

        embedder = FlagEmbedder(models / "bge-large-zh", threads=2, device="cuda", fp16=True)
        vectors, tokens = embedder.embed(["退款要几天", "多久能退款"])     # [2, 1024]

    Texts are embedded as they are, without BGE's query instruction (see ``knowledge.embedding``).
    """

    def __init__(self, model_dir: Path, threads: int, device: str = "cpu", fp16: bool = False) -> None:
        prepare(model_dir, threads)
        self._model = FlagModel(
            str(model_dir),
            use_fp16=fp16 and device != "cpu",
            devices=[device],
            batch_size=NEVER_FULL,
            passage_max_length=MAX_TOKENS,
        )

    def warm(self) -> None:
        self.embed(["预热"])

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return unit vectors of shape [texts, dimensions] and the tokens of each; a text is cut at 512."""
        tokens = self._model.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        lengths = [len(ids) for ids in tokens]
        vectors: dict[int, NDArray[np.float32]] = {}
        for rows in by_length(lengths):
            vectors |= zip(rows, self._model.encode([texts[i] for i in rows]), strict=True)
        matrix = np.stack([vectors[i] for i in range(len(texts))]).astype(np.float32)
        # Half precision leaves lengths that differ from 1 in the fourth place.
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True), lengths


class FlagCrossEncoder:
    """FlagEmbedding's ``FlagReranker``: the sigmoid of a cross-encoder's logit.

    ::

        reranker = FlagCrossEncoder(models / "bge-reranker-base", threads=2)
        scores, tokens = reranker.score("几天能退款", ["三天内退款。", "周六开门。"])     # 0 to 1 each
    """

    def __init__(self, model_dir: Path, threads: int, device: str = "cpu", fp16: bool = False) -> None:
        prepare(model_dir, threads)
        self._model = FlagReranker(
            str(model_dir),
            use_fp16=fp16 and device != "cpu",
            devices=[device],
            batch_size=NEVER_FULL,
            max_length=MAX_TOKENS,
            normalize=True,
        )

    def warm(self) -> None:
        self.score("预热", ["预热"])

    def score(self, query: str, passages: Sequence[str]) -> tuple[list[float], int]:
        """Return how well each passage answers ``query``, 0 to 1, and the tokens read.

        A question is cut at 384 tokens, a passage where both together reach 512.
        """
        lengths = self._tokens(query, passages)
        scores = [0.0] * len(passages)
        for rows in by_length(lengths):
            batch = self._model.compute_score([(query, passages[i]) for i in rows])
            for i, score in zip(rows, batch, strict=True):
                scores[i] = float(score)
        return scores, sum(lengths)

    def _tokens(self, query: str, passages: Sequence[str]) -> list[int]:
        tokenizer = self._model.tokenizer
        texts = tokenizer(
            [query, *passages], add_special_tokens=False, truncation=True, max_length=MAX_TOKENS
        )["input_ids"]
        question, *others = (len(ids) for ids in texts)
        special = tokenizer.num_special_tokens_to_add(pair=True)
        return [min(MAX_TOKENS, special + min(question, MAX_QUERY_TOKENS) + other) for other in others]


def prepare(model_dir: Path, threads: int) -> None:
    """Set torch's threads, which all its models of a process share; ValueError when this is no checkpoint."""
    if not (model_dir / "config.json").exists():
        raise ValueError(
            f"{model_dir} holds no checkpoint of transformers (config.json); bge-onnx reads model.onnx"
        )
    torch.set_num_threads(threads)
