"""Reading binary headers: little-endian values, and an error that names the file."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")


class ModelFileError(ValueError):
    """A model's file cannot be read; the message names the file and what is wrong."""


class Reader:
    """Little-endian values of a binary file, one after the other; ``at`` is the next one's place."""

    def __init__(self, file: BinaryIO) -> None:
        self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = len(self._data)
        self.at = 0

    def values(self, form: str) -> tuple[Any, ...]:
        begin = self.at
        self.skip(struct.calcsize(f"<{form}"))
        return struct.unpack_from(f"<{form}", self._data, begin)

    def one(self, form: str) -> Any:
        return self.values(form)[0]

    def bytes(self, count: int) -> bytes:
        begin = self.at
        self.skip(count)
        return self._data[begin : self.at]

    def skip(self, count: int) -> None:
        if count > self.size - self.at:
            raise ModelFileError("it ends too early")
        self.at += count


def kept(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Read a file once for each of its versions; whatever is wrong with it is a ModelFileError."""

    @lru_cache(maxsize=64)
    def versioned(path: Path, _size: int, _changed_ns: int) -> T:
        return read(path)

    @wraps(read)
    def outer(path: Path) -> T:
        try:
            found = path.stat()
            return versioned(path, found.st_size, found.st_mtime_ns)
        except OSError as exc:
            raise ModelFileError(f"{path.name}: {exc.strerror}") from exc
        except (struct.error, ValueError, LookupError, TypeError, AttributeError) as exc:
            # A header of another kind breaks its reader anywhere; each way means the same.
            raise ModelFileError(f"{path.name}: {exc or type(exc).__name__}") from exc

    return outer
