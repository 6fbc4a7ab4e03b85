"""Models that are a repository of a hub: what is installed, at which revision, and what is noticed later."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from engines import catalog
from engines.catalog import RECORD, CatalogError, get_model, read_catalog, recorded
from engines.download import FetchError
from engines.fetch import ensure, is_installed, remove, verify
from engines.snapshots import chosen
from tests.engines.local_registry import LocalRegistry
from tests.engines.test_fetch import run

pytestmark = pytest.mark.usefixtures("english", "registry", "no_npm")

WEIGHTS = random.Random(2).randbytes(200_000)
FILES = {"config.json": b'{"a": 1}', "sub/vocab.txt": b"one\ntwo\n", "model.bin": WEIGHTS, "README.md": b"#"}
COMMIT, LATER = "a" * 40, "b" * 40
ENTRY = """
[models.tiny]
kind = "llm"
name = "Tiny"
languages = ["zh"]
licence = "Apache-2.0"
licence_url = "https://example.org/licence"
commercial = true
memory_mb = 7
format = "transformers"
remote_code = true
snapshot.sources = ["hf:org/tiny@main", "modelscope:org/tiny@master"]
snapshot.include = ["*.json", "*.txt", "*.safetensors|*.bin"]
snapshot.size = 200_000
"""
Pull = Callable[..., Path]


@pytest.fixture
def tiny(root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> catalog.Model:
    path = root.with_name("catalog.toml")
    path.write_text(ENTRY)
    monkeypatch.setattr(catalog, "CATALOG", path)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    settings.AIKER = settings.AIKER.model_copy(update={"models": root})
    return get_model("tiny")


def store(registry: LocalRegistry, name: str) -> str:
    return registry.pages[f"/org/tiny/resolve/{COMMIT}/{name}"][1].decode()


def test_a_branch_becomes_a_commit_and_its_files_are_recorded(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path, said: list[str]
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    folder = pull(tiny)

    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        "config.json",
        "sub/vocab.txt",
        "model.bin",
        ".aiker.json",
        RECORD,
    }
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    installed = recorded(tiny, root)
    assert installed.origin == f"hf:org/tiny@{COMMIT}"
    assert installed.remote_code
    assert installed.size == sum(len(FILES[f.path]) for f in installed.files) != tiny.size
    assert is_installed(tiny, root)
    assert verify(tiny, root) == []
    assert f"tiny is hf:org/tiny@{COMMIT}" in said
    assert not list(root.glob(".tiny*"))


def test_a_changed_file_is_found_and_mended_from_the_same_commit(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    folder = pull(tiny)
    registry.add_hub_repository("org/tiny", LATER, FILES | {"config.json": b'{"a": 2}'})
    (folder / "config.json").write_bytes(b'{"a": 9}')  # of the same size

    (problem,) = verify(tiny, root)
    assert str(folder / "config.json") in problem
    assert not is_installed(tiny, root)
    assert verify(tiny, root) == [problem], "what it should be is still known"
    registry.requests.clear()
    pull(tiny)

    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    assert recorded(tiny, root).origin == f"hf:org/tiny@{COMMIT}"
    assert registry.ranges_asked(store(registry, "model.bin")) == []


def test_the_branch_is_followed_after_a_removal_only(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    pull(tiny)
    registry.add_hub_repository("org/tiny", LATER, FILES | {"model.bin": WEIGHTS[::-1]})
    registry.requests.clear()
    pull(tiny)
    assert registry.requests == []

    remove(tiny, root)
    assert (pull(tiny) / "model.bin").read_bytes() == WEIGHTS[::-1]
    assert recorded(tiny, root).origin == f"hf:org/tiny@{LATER}"


def test_the_next_run_goes_on_with_what_an_interrupted_one_left(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    path = store(registry, "model.bin")
    registry.cuts[path] = [50_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="models pull tiny"):
        pull(tiny)
    assert not (root / "tiny").exists()
    registry.requests.clear()
    pull(tiny)
    assert registry.ranges_asked(path) == ["bytes=50000-"]
    assert verify(tiny, root) == []


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_what_is_not_as_the_hub_lists_it_is_refused(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path, name: str
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    registry.add_hub_file("org/tiny", COMMIT, name, FILES[name][::-1])
    with pytest.raises(FetchError, match=rf"(?s){name}.*(wrong sha256|not what the hub lists)"):
        pull(tiny)
    assert not (root / "tiny").exists()


@pytest.mark.usefixtures("registry")
def test_a_repository_that_is_not_there_is_named(tiny: catalog.Model, pull: Pull) -> None:
    with pytest.raises(FetchError, match=r"(?s)hf:org/tiny@main is not there.*HTTP 404.*models pull tiny"):
        pull(tiny)


def test_a_pattern_that_finds_nothing_is_named(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, {"config.json": b"{}", "a.txt": b"a"})
    with pytest.raises(FetchError, match=r"no file that matches \*\.safetensors\|\*\.bin"):
        pull(tiny)


@pytest.mark.parametrize(
    ("page", "named"),
    [
        (b"<html>sign in</html>", "no JSON"),
        (b'{"siblings": []}', r"cannot be read \(sha"),
        (b'{"Success": false, "Message": "slow down"}', "slow down"),
    ],
)
def test_an_answer_that_is_none_is_explained(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, page: bytes, named: str
) -> None:
    registry.pages["/api/models/org/tiny/revision/main?blobs=true"] = "text/html", page
    with pytest.raises(FetchError, match=named):
        pull(tiny)


def test_a_path_that_leaves_the_folder_is_refused(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES | {"../../evil.txt": b"evil"})
    with pytest.raises(FetchError, match="not a plain relative path"):
        pull(tiny)
    assert not list(root.parent.rglob("evil.txt"))


def test_modelscope_is_asked_where_hugging_face_may_not_be(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", registry.url)
    registry.add_modelscope_repository("org/tiny", "master", FILES)
    folder = pull(tiny)
    assert (folder / "sub/vocab.txt").read_bytes() == FILES["sub/vocab.txt"]
    assert recorded(tiny, root).origin == "modelscope:org/tiny@master"
    assert verify(tiny, root) == []


def test_files_of_another_format_are_left_there() -> None:
    paths = ["a.safetensors", "a.bin", "b.safetensors", "c.json"]
    assert chosen(paths, ["*.safetensors|*.bin"]) == ["a.safetensors", "b.safetensors"]
    assert chosen(["a.bin", "c.json"], ["*.safetensors|*.bin", "c.json"]) == ["a.bin", "c.json"]


@pytest.mark.usefixtures("tiny")
def test_the_commands_treat_a_snapshot_as_any_model(registry: LocalRegistry, root: Path) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    assert run("list")[0].splitlines()[1].split()[:4] == ["tiny", "llm", "transformers", "Apache-2.0"]
    with pytest.raises(CommandError, match="models pull tiny"):
        run("verify", "tiny")
    run("pull", "tiny")
    assert run("verify")[0].strip() == "tiny: all files are right"
    (root / "tiny/model.bin").write_bytes(WEIGHTS[::-1])
    with pytest.raises(CommandError, match="models pull tiny"):
        run("verify", "tiny")
    run("remove", "tiny")
    assert not (root / "tiny").exists()


def test_a_damaged_record_is_a_model_that_is_not_installed(
    registry: LocalRegistry, tiny: catalog.Model, pull: Pull, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add_hub_repository("org/tiny", COMMIT, FILES)
    folder = pull(tiny)
    record = json.loads((folder / RECORD).read_text())
    record["files"][0]["path"] = "../outside"
    (folder / RECORD).write_text(json.dumps(record))
    assert not is_installed(tiny, root)
    assert "not a plain relative path" in caplog.text
    registry.requests.clear()
    ensure(tiny, root, say=lambda _line: None)
    assert registry.ranges_asked(store(registry, "model.bin")) == [], "what is right is kept"
    assert is_installed(tiny, root)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("hf:org/tiny@main", "hf:tiny@main", "cannot read the repository"),
        ("hf:org/tiny@main", "pypi:tiny==1.0", "cannot read the repository"),
        ('["hf:org/tiny@main", "modelscope:org/tiny@master"]', "[]", "sources"),
        ('["*.json", "*.txt", "*.safetensors|*.bin"]', "[]", "include"),
        ("snapshot.size = 200_000", "", "size"),
        ('"transformers"', '"magic"', "format"),
    ],
)
def test_a_wrong_entry_is_refused_and_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(ENTRY.replace(old, new))
    with pytest.raises(CatalogError, match=named):
        read_catalog(path)
