"""Make a virtual environment and install packages; run by the Makefile before anything is installed.

::

    python3 aiker/bootstrap.py requirements.txt                              # into .venv
    python3 aiker/bootstrap.py requirements/quantize.txt .venv-quantize

pip runs only when the file, or one that it includes, has changed since it last succeeded. It is plain pip:
mirrors and proxies come from the user's own pip configuration. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Problem(Exception):
    """What went wrong and what to do about it."""


def venv_python(venv: Path) -> Path:
    """Return the interpreter of the venv, made anew when it is missing or its Python has gone."""
    python = venv / "bin" / "python"
    if python.exists() and runs(python, "import pip"):
        return python
    print(f"Making {venv} with Python {sys.version.split()[0]} ...", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(venv)]) != 0:
        raise Problem(
            f"{sys.executable} cannot make a virtual environment. On Debian and Ubuntu install the package "
            "python3-venv; else install a complete Python and name it: make run PYTHON=/path/to/python3"
        )
    return python


def runs(python: Path, code: str) -> bool:
    return subprocess.call([str(python), "-c", code], stderr=subprocess.DEVNULL) == 0


def requirement_files(path: Path) -> list[Path]:
    """Return the file and those it includes with ``-r``, in the order pip reads them."""
    found = [path]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += requirement_files((path.parent / line[3:].strip()).resolve())
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in requirement_files(path))).hexdigest()


def stamp(venv: Path, path: Path) -> Path:
    return venv / f"installed-{path.name}.sha256"


def install(venv: Path, path: Path) -> bool:
    """Install what ``path`` lists unless it is already there; return whether pip ran."""
    python = venv_python(venv)
    mark = stamp(venv, path)
    if mark.exists() and mark.read_text() == digest(path):
        return False
    print(f"Installing the packages of {path} ...", flush=True)
    # Modules are compiled when first imported, most never are: compiling all costs a minute.
    options = ["--no-compile", "--disable-pip-version-check", "-r", str(path)]
    if subprocess.call([str(python), "-m", "pip", "install", *options]) != 0:
        raise Problem(
            "pip could not install the packages; its last lines say why. When no registry answers, name one "
            "that does (pip config set global.index-url URL) or set https_proxy; when the disk is full, free "
            "2 GB. Then run the same command again: it goes on where it stopped."
        )
    for file in requirement_files(path):
        stamp(venv, file).write_text(digest(file))
    return True


def main(arguments: list[str]) -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        venv = arguments[1] if len(arguments) > 1 else ".venv"
        install(ROOT / venv, (ROOT / arguments[0]).resolve())
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
