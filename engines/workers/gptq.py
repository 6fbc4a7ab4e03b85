"""Quantise a language model with GPTQ; runs in ``.venv-quantize``, which has llm-compressor.

::

    .venv-quantize/bin/python -m engines.workers.gptq SOURCE TARGET --texts texts.json --bits 4

``SOURCE`` is a model in transformers' format. ``TARGET`` gets one in compressed-tensors' format
(``pack-quantized``: 4-bit integers, one scale for each group of weights), which vLLM and transformers load.
The output layer and the embeddings keep their precision. ``texts.json`` is a list of calibration texts.
``--method rtn`` rounds each weight to the nearest step instead: what GPTQ is compared with.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from loguru import logger
from transformers import AutoModelForCausalLM, AutoTokenizer

GROUP_SIZES = (128, 64, 32)
SEQUENCE_TOKENS = 512
KEPT = ["lm_head"]
QUANTIZING = "Quantizing "


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--bits", type=int, choices=(4, 8), default=4)
    parser.add_argument("--method", choices=("gptq", "rtn"), default="gptq")
    parser.add_argument("--remote-code", action="store_true")
    options = parser.parse_args(arguments)
    try:
        quantize(options)
    except Unsuitable as exc:
        print(exc, file=sys.stderr)
        return 2
    return 0


class Unsuitable(Exception):
    """This model or these texts cannot be used; the message says why."""


def quantize(options: argparse.Namespace) -> None:
    source, target = options.source, options.target
    remote = {"trust_remote_code": options.remote_code}
    tokenizer = AutoTokenizer.from_pretrained(source, **remote)
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto", **remote)
    longest = getattr(model.config, "max_position_embeddings", SEQUENCE_TOKENS)
    sequences = calibration(tokenizer, json.loads(options.texts.read_text()), longest)
    layers = quantizable(model)
    weights = {
        "num_bits": options.bits,
        "type": "int",
        "symmetric": True,
        "strategy": "group",
        "group_size": group_size(layers),
        # The scale that errs least, not the one that only spans the largest weight.
        "observer": "mse",
    }
    recipe: dict[str, Any] = {
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": KEPT,
    }
    print(
        f"{len(layers)} layers to {options.bits} bits in groups of {weights['group_size']}; "
        f"{len(sequences)} x {len(sequences[0])} tokens of text",
        flush=True,
    )
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    logger.add(
        Progress(len(layers)), format="{message}", filter=lambda record: QUANTIZING in record["message"]
    )
    if options.method == "gptq":
        oneshot(
            model=model,
            dataset=Dataset.from_dict({"input_ids": sequences}),
            recipe=GPTQModifier(**recipe),
            num_calibration_samples=len(sequences),
            max_seq_length=SEQUENCE_TOKENS,
            shuffle_calibration_samples=False,
        )
    else:
        oneshot(model=model, recipe=QuantizationModifier(**recipe))
    model.save_pretrained(target, save_compressed=True)
    tokenizer.save_pretrained(target)


class Progress:
    """Reads llm-compressor's log and says how many layers are done, about ten times in all."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def __call__(self, message: str) -> None:
        before = self.done * 10 // self.total
        self.done += len(re.findall(r"'[^']+'", message))
        if self.done * 10 // self.total > before:
            print(f"{self.done} of {self.total} layers", flush=True)


def calibration(tokenizer: Any, texts: list[str], longest: int) -> list[list[int]]:
    """Return the texts as tokens, one after the other, cut to equal sequences; at least one."""
    tokens = [token for text in texts for token in tokenizer(text + "\n")["input_ids"]]
    length = min(SEQUENCE_TOKENS, longest, len(tokens))
    if length < 2:
        raise Unsuitable("The calibration text is empty.")
    return [tokens[start : start + length] for start in range(0, len(tokens) - length + 1, length)]


def quantizable(model: torch.nn.Module) -> dict[str, int]:
    """Return the layers to quantise, and how many weights a row of each has."""
    return {
        name: layer.in_features
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and name not in KEPT
    }


def group_size(layers: dict[str, int]) -> int:
    """Return the largest group of weights that divides the rows of every layer."""
    for size in GROUP_SIZES:
        if all(width % size == 0 for width in layers.values()):
            return size
    name, width = next((n, w) for n, w in layers.items() if w % GROUP_SIZES[-1])
    raise Unsuitable(f"{name} has rows of {width} weights, which is no multiple of {GROUP_SIZES[-1]}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
