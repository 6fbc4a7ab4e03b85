"""Tiny checkpoints in the format that BGE models are published in: random weights, real files."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-torch")
transformers = pytest.importorskip("transformers", reason="needs PyTorch: make test-torch")

LETTERS = "押金要交多少周六开门吗退租提前一个月说在还钥匙以后三工作日内回您好预热办公室是定，。？"
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
# The usual 0.02 gives every text almost the same vector.
SPREAD = 0.5


def embedder(folder: Path) -> Path:
    """A BERT as bge-*-zh is."""
    torch.manual_seed(1)
    config = transformers.BertConfig(vocab_size=len(bert_vocab()), initializer_range=SPREAD, **SIZES)
    return save(transformers.BertModel(config), bert_tokenizer(), folder)


def bert_reranker(folder: Path, labels: int = 1) -> Path:
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=len(bert_vocab()), num_labels=labels, initializer_range=SPREAD, **SIZES
    )
    return save(transformers.BertForSequenceClassification(config), bert_tokenizer(), folder)


def xlm_roberta_reranker(folder: Path) -> Path:
    """An XLM-RoBERTa as bge-reranker-base and -v2-m3 are: other special tokens, no token types."""
    torch.manual_seed(3)
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in dict.fromkeys(LETTERS)] + [("<mask>", 0.0)]
    config = transformers.XLMRobertaConfig(
        vocab_size=len(pieces),
        num_labels=1,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        initializer_range=SPREAD,
        **SIZES,
    )
    tokenizer = transformers.XLMRobertaTokenizerFast(vocab=pieces, unk_id=3)
    return save(transformers.XLMRobertaForSequenceClassification(config), tokenizer, folder)


def bert_vocab() -> dict[str, int]:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(LETTERS)]
    return {token: index for index, token in enumerate(tokens)}


def bert_tokenizer() -> object:
    return transformers.BertTokenizerFast(vocab=bert_vocab(), model_max_length=512)


def save(model: object, tokenizer: object, folder: Path) -> Path:
    for part in (model, tokenizer):
        part.save_pretrained(folder)  # type: ignore[attr-defined]
    return folder
