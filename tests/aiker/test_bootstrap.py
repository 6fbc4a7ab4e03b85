"""What the Makefile does before anything is installed, with a real virtual environment and a real pip."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aiker.bootstrap import Problem, install
from aiker.config import BASE_DIR


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_pip_runs_only_when_a_requirements_file_changed_since_it_last_succeeded(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    base = write(tmp_path, "requirements.txt", "# nothing yet\n")
    dev = write(tmp_path, "dev.txt", "-r requirements.txt\n")
    assert install(venv, dev)
    assert not install(venv, dev)
    assert not install(venv, base)  # came with the other
    write(tmp_path, "requirements.txt", "# still nothing\n")
    assert install(venv, dev)
    write(tmp_path, "requirements.txt", "./no-such-package\n")
    for _attempt in range(2):
        with pytest.raises(Problem, match="pip could not install"):
            install(venv, dev)


def test_an_unsuitable_python_is_refused_with_what_to_install(tmp_path: Path) -> None:
    old = write(tmp_path, "python-old", '#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.1" || exit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "venv", f"PYTHON={old}"], cwd=BASE_DIR, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "Aiker needs Python 3.11, 3.12 or 3.13; found: Python 3.9.1." in done.stderr
