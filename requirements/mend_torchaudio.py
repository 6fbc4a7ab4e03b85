"""Make torchaudio importable beside a PyTorch without CUDA.

torchaudio's wheels hold libraries that are linked against CUDA, and importing it fails where PyTorch has
none. Without those libraries it works in pure Python, which is all that XTTS needs.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    if _imports():
        return 0
    spec = find_spec("torchaudio")
    if spec is None or spec.origin is None:
        sys.exit("torchaudio is not installed: run make torch")
    for library in Path(spec.origin).parent.glob("lib/*.so"):
        print(f"Removing {library}: it needs CUDA")
        library.unlink()
    return 0 if _imports() else 1


def _imports() -> bool:
    done = subprocess.run([sys.executable, "-c", "import torchaudio"], capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
