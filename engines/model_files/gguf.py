"""llama.cpp's GGUF (github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from engines.memory import LanguageModel, Tensor
from engines.model_files.reader import ModelFileError, Reader, kept

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
FLOATS = (0, 1, 28, 30)  # F32, F16, F64, BF16


@dataclass(frozen=True, slots=True)
class Gguf:
    """What a GGUF file says of its language model; ``kinds`` are ggml's numbers of the tensors' types."""

    model: LanguageModel
    tensors: tuple[Tensor, ...]
    kinds: tuple[int, ...]


@kept
def read_gguf(path: Path) -> Gguf:
    """Return what the file says of its model."""
    with path.open("rb") as file:
        reader = Reader(file)
        if reader.bytes(4) != b"GGUF" or reader.one("I") not in (2, 3):
            raise ModelFileError("not a GGUF file of version 2 or 3")
        count, pairs = reader.values("QQ")
        metadata = {_string(reader): _value(reader, reader.one("I")) for _ in range(pairs)}
        entries = [_tensor(reader) for _ in range(count)]
        data_starts = _aligned(reader.at, metadata.get("general.alignment", 32))
        ends = [*sorted(offset for *_rest, offset in entries), reader.size - data_starts]
    following = dict(pairwise(ends))
    tensors = tuple(
        Tensor(name, shape, following[offset] - offset, kind in FLOATS)
        for name, shape, kind, offset in entries
    )
    return Gguf(_model(metadata), tensors, tuple(kind for _name, _shape, kind, _offset in entries))


def _aligned(position: int, alignment: int) -> int:
    return math.ceil(position / alignment) * alignment


def _string(reader: Reader) -> str:
    return reader.bytes(reader.one("Q")).decode("utf-8", "replace")


def _value(reader: Reader, kind: int) -> Any:
    """Return a value; of an array its largest number, or of strings their number.

    Memory follows the layer with the most heads, and of the vocabulary only its size is asked.
    """
    if kind == STRING:
        return _string(reader)
    if kind != ARRAY:
        return reader.one(SCALARS[kind])
    element, count = reader.values("IQ")
    if element in SCALARS:
        return max(reader.values(f"{count}{SCALARS[element]}"), default=0)
    if element != STRING:
        raise ModelFileError("it has arrays of arrays")
    for _ in range(count):
        reader.skip(reader.one("Q"))
    return count


def _tensor(reader: Reader) -> tuple[str, tuple[int, ...], int, int]:
    name = _string(reader)
    shape = reader.values(f"{reader.one('I')}Q")
    kind, offset = reader.values("IQ")
    return name, shape, kind, offset


def _model(metadata: dict[str, Any]) -> LanguageModel:
    arch = metadata["general.architecture"]
    heads, hidden = metadata[f"{arch}.attention.head_count"], metadata[f"{arch}.embedding_length"]
    return LanguageModel(
        layers=metadata[f"{arch}.block_count"],
        kv_heads=metadata.get(f"{arch}.attention.head_count_kv", heads),
        head_dim=metadata.get(f"{arch}.attention.key_length", hidden // heads),
        hidden=hidden,
        vocabulary=metadata["tokenizer.ggml.tokens"],
        context=metadata[f"{arch}.context_length"],
    )
