"""Small models in the format of transformers, made for the tests of quantisation."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engines.quantize import read_texts

VOCABULARY = 512
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def save_random(
    folder: Path, *, hidden_size: int = 640, intermediate_size: int = 2560, layers: int = 8
) -> None:
    """Save a Qwen2 of random weights, by default 94 MB of them, and its tokenizer."""
    tokenizer(read_texts(None)).save_pretrained(folder)
    qwen2(hidden_size, intermediate_size, layers).save_pretrained(folder)


def save_trained(folder: Path, texts: list[str]) -> None:
    """Save a Qwen2 of 0.5 million weights that has learned ``texts`` somewhat, and its tokenizer."""
    import torch

    words = tokenizer(texts)
    model = qwen2(128, 384, 2).float()
    ids = words("\n".join(texts), return_tensors="pt").input_ids[0]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _step in range(200):
        starts = torch.randint(0, len(ids) - 64, (8,))
        batch = torch.stack([ids[start : start + 64] for start in starts])
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.bfloat16().save_pretrained(folder)
    words.save_pretrained(folder)


def save_whisper(folder: Path, published: Path) -> None:
    """Save a Whisper of random weights (60 MB) with the tokenizer of the model in ``published``."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=51_865,
        d_model=256,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
    )
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    shutil.copy2(published / "tokenizer.json", folder)


def qwen2(hidden_size: int, intermediate_size: int, layers: int) -> Any:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_hidden_layers=layers,
        num_attention_heads=hidden_size // 16 if hidden_size < 128 else hidden_size // 32,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    return Qwen2ForCausalLM(config).bfloat16()


def tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    words.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.chat_template = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    return made
