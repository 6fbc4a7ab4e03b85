"""What the tests of the model catalogue share: a registry on loopback and a pull from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import translation

from engines.fetch import ensure
from engines.sources import Sources
from tests.engines.local_registry import LocalRegistry


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalRegistry]:
    """A server that is all the hub's client, pip and npm ask, whatever this machine is set up for."""
    for name in list(os.environ):
        if name.upper().startswith(("PIP_", "NPM_CONFIG_", "HF_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    server = LocalRegistry()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.simple)
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("npm_config_registry", server.npm)
    for setting in ("userconfig", "globalconfig", "cache"):
        monkeypatch.setenv(f"npm_config_{setting}", str(tmp_path / setting))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    yield server
    server.close()


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without npm."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the models, not there yet."""
    return tmp_path / "models"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pull(root: Path, said: list[str]) -> Callable[..., Path]:
    """``ensure`` as one run of the command calls it; what it says is appended to ``said``."""

    def run(model: object, **options: object) -> Path:
        with Sources(said.append, backoff_s=0) as sources:
            return ensure(model, root, sources=sources, say=said.append, **options)  # type: ignore[arg-type]

    return run
