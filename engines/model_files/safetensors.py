"""PyTorch's weights: safetensors (8 bytes of length, then JSON: its README, "Format"), and whole files."""

from __future__ import annotations

import json
from pathlib import Path

from engines.memory import Tensor
from engines.model_files.reader import ModelFileError, Reader, kept

LARGEST_HEADER = 100_000_000  # the format's own limit


def read_safetensors(folder: Path) -> list[Tensor]:
    """Return the tensors of every ``*.safetensors`` in ``folder``."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelFileError(f"{folder.name}: no *.safetensors")
    return [tensor for file in files for tensor in _read_file(file)]


@kept
def read_whole(path: Path) -> list[Tensor]:
    """Return a checkpoint that does not tell its tensors (``.pth``) as one of its size, of float32."""
    size = path.stat().st_size
    return [Tensor(path.name, (size // 4,), size)]


@kept
def _read_file(path: Path) -> list[Tensor]:
    with path.open("rb") as file:
        reader = Reader(file)
        length = reader.one("Q")
        if length > LARGEST_HEADER:
            raise ModelFileError("not a safetensors file")
        header = json.loads(reader.bytes(length))
    return [
        Tensor(name, tuple(about["shape"]), _length(about["data_offsets"]), about["dtype"][0] in "FB")
        for name, about in header.items()
        if name != "__metadata__"
    ]


def _length(offsets: list[int]) -> int:
    begin, end = offsets
    return end - begin
