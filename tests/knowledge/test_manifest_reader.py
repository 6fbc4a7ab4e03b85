"""Manifests that stay open for the calls of a process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from knowledge.manifest import Manifest
from knowledge.manifest_reader import MOST, reader


def write(path: Path) -> None:
    Manifest.open(path).close()


def test_a_version_is_opened_once(tmp_path: Path) -> None:
    write(tmp_path / "a.sqlite3")
    assert reader(tmp_path / "a.sqlite3") is reader(tmp_path / "a.sqlite3")


def test_a_manifest_that_is_gone_is_missed_and_one_made_anew_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    write(path)
    before = reader(path)
    path.rename(tmp_path / "kept")
    with pytest.raises(sqlite3.OperationalError):
        reader(path)
    write(path)
    assert reader(path) is not before
    assert reader(path).counts() == (0, 0, 0)


def test_the_one_that_was_not_read_for_longest_is_closed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.sqlite3" for number in range(MOST + 1)]
    for path in paths:
        write(path)
    first, *_others = [reader(path) for path in paths]
    with pytest.raises(sqlite3.ProgrammingError):
        first.counts()
