"""CTranslate2's ``model.bin``, as ``ctranslate2.specs.model_spec`` writes it."""

from __future__ import annotations

from pathlib import Path

from engines.memory import Tensor
from engines.model_files.reader import ModelFileError, Reader, kept

VERSIONS = range(4, 7)
FLOATS = (0, 4, 5)  # float32, float16, bfloat16


@kept
def read_ctranslate2(path: Path) -> list[Tensor]:
    """Return the variables of a ``model.bin``."""
    with path.open("rb") as file:
        reader = Reader(file)
        if reader.one("I") not in VERSIONS:
            raise ModelFileError("not a CTranslate2 model of version 4 to 6")
        reader.skip(reader.one("H"))  # the name of the specification
        _revision, count = reader.values("II")
        return [_variable(reader) for _ in range(count)]


def _variable(reader: Reader) -> Tensor:
    name = reader.bytes(reader.one("H"))[:-1].decode()
    shape = reader.values(f"{reader.one('B')}I")
    kind, length = reader.values("BI")
    reader.skip(length)
    return Tensor(name, shape, length, kind in FLOATS)
