"""A GGUF file written anew so that llama.cpp reads it faster on a processor.

::

    path = packed(models / "qwen2.5-coder-0.5b/model.gguf", data_dir / "cache" / "llm")

llama.cpp has kernels for a processor's vector unit for Q4_0 and Q8_0, and none for Q5_0, which is what
most of a Q4_K_M file of a small Qwen is (its rows are no multiple of 256). So its Q5_0 tensors become
Q4_0: a prompt is read in two thirds of the time, and the golden questions are answered as well
(``docs/performance.md``).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from engines.model_files import read_gguf

logger = logging.getLogger(__name__)

# Only where they are most of what is read for a token is a copy on disk worth it.
LEAST_SHARE = 0.4
Q5_0 = 6  # ggml's number of the type
# Beside the many Q5_0 these few are made the same, so that a layer is read in one manner.
WRITTEN_ANEW = ("Q5_0", "Q4_K", "Q6_K")


def packed(path: Path, folder: Path) -> Path:
    """Return a file of this model that is quick to read: ``path`` itself, or one made once in ``folder``.

    Its folder has the name of that of ``path``. Where it cannot be made, a log line says so, ``path`` serves.
    """
    made = folder / path.parent.name / path.name
    if made.exists() and made.stat().st_mtime >= path.stat().st_mtime:
        return made
    if slow_share(path) < LEAST_SHARE:
        return path
    partial = made.with_suffix(f".{os.getpid()}.part")
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        write_packed(path, partial)
        partial.replace(made)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        logger.warning("%s is read as it is, its answers begin later: %s", path, exc)
        return path
    return made


def slow_share(path: Path) -> float:
    """Return the share of the file's weights (bytes) that are Q5_0."""
    gguf = read_gguf(path)
    sizes = [tensor.stored_bytes for tensor in gguf.tensors]
    slow = sum(size for size, kind in zip(sizes, gguf.kinds, strict=True) if kind == Q5_0)
    return slow / sum(sizes)


def write_packed(source: Path, target: Path) -> None:
    """Write ``source`` with Q4_0 in place of what llama.cpp has no packed kernels for; all else as it is."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

    reader = GGUFReader(str(source))
    writer = GGUFWriter(str(target), reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            _copy_field(writer, name, field)
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if kind.name in WRITTEN_ANEW:
            kind = GGMLQuantizationType.Q4_0
            data = quants.quantize(quants.dequantize(tensor.data, tensor.tensor_type), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_field(writer: Any, name: str, field: Any) -> None:
    from gguf import GGUFValueType

    kind = field.types[0]
    sub_type = field.types[-1] if kind == GGUFValueType.ARRAY else None
    writer.add_key_value(name, field.contents(), kind, sub_type=sub_type)
