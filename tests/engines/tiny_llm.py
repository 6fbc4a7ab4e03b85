"""Tiny checkpoints of chat models with random weights, in the very format of the released ones.

::

    build("qwen2", folder)          # also: glm, baichuan
    python -m tests.engines.tiny_llm qwen2 FOLDER

``baichuan`` comes with Python code of its own and without a chat template, like Baichuan2-13B-Chat.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CONTEXT = 512
CORPUS = ["您好，我们周六早上九点开门，晚上六点关门。", "退款要三个工作日。Please hold the line, 谢谢！"] * 4
CODE = Path(__file__).with_name("baichuan_code")

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GLM = (
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL = {
    "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "glm": ["<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"],
    "baichuan": ["<unk>", "<s>", "</s>", "<reserved_106>", "<reserved_107>"],
}
ENDS = {
    "qwen2": ["<|im_end|>", "<|endoftext|>"],
    "glm": ["<|endoftext|>", "<|user|>"],
    "baichuan": ["</s>"],
}


def build(kind: str, folder: Path) -> Path:
    """Write the model and its tokenizer; return ``folder``."""
    tokenizer = sentencepiece_like() if kind == "baichuan" else byte_level(SPECIAL[kind])
    ends = [tokenizer.token_to_id(name) for name in ENDS[kind]]
    save_model(kind, folder, tokenizer.get_vocab_size(), ends)
    save_tokenizer(kind, folder, tokenizer)
    return folder


def byte_level(special: list[str]) -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece_like() -> Any:
    """A BPE with ▁ for spaces and a token for every byte, as SentencePiece makes them."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokens = [*SPECIAL["baichuan"], *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=tokens)
    tokenizer.train_from_iterator(CORPUS, trainer)
    # The trainer made the bytes special, too; what is special is not written.
    file = json.loads(tokenizer.to_str())
    file["added_tokens"] = [token for token in file["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(file))


def save_tokenizer(kind: str, folder: Path, tokenizer: Any) -> None:
    from transformers import PreTrainedTokenizerFast

    saved = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=ENDS[kind][0],
        unk_token="<unk>" if kind == "baichuan" else None,
        extra_special_tokens=[AddedToken(name, special=True) for name in SPECIAL[kind]],
    )
    saved.chat_template = {"qwen2": CHATML, "glm": GLM}.get(kind)
    saved.save_pretrained(folder)


def save_model(kind: str, folder: Path, vocabulary: int, ends: list[int]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    torch.manual_seed(7)
    sizes: dict[str, Any] = {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    sizes |= {"vocab_size": vocabulary, "max_position_embeddings": CONTEXT}
    ids: dict[str, Any] = {"bos_token_id": None, "eos_token_id": ends, "pad_token_id": ends[0]}
    if kind == "baichuan":
        folder.mkdir(parents=True, exist_ok=True)
        for file in CODE.glob("*.py"):
            shutil.copy(file, folder)
        parts = {
            "AutoConfig": "configuration_baichuan.BaichuanConfig",
            "AutoModelForCausalLM": "modeling_baichuan.BaichuanForCausalLM",
        }
        about = {"model_type": "baichuan", "architectures": ["BaichuanForCausalLM"], "auto_map": parts}
        about |= sizes | ids | {"model_max_length": CONTEXT}
        (folder / "config.json").write_text(json.dumps(about))
        config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    else:
        heads = {"num_key_value_heads": 2} | ({"head_dim": 32} if kind == "glm" else {})
        config = AutoConfig.for_model(kind, **sizes, **heads, **ids)
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=kind == "baichuan")
    for weight in model.parameters():  # wide enough for answers that differ from token to token
        torch.nn.init.normal_(weight, std=0.3)
    if kind == "baichuan":  # no half characters, which a trained model does not write, and no early end
        model.lm_head.weight.data[: len(SPECIAL[kind]) + 256] = 0
    model.generation_config = GenerationConfig(**ids)
    model.to(torch.bfloat16).save_pretrained(folder)


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
