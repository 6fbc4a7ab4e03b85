"""Models that are a whole repository of a hub: asking the hub what is in it.

::

    model = resolve(get_model("belle-whisper-large-v3-zh"), sources, downloads)
    model.origin                       # "hf:BELLE-2/Belle-whisper-large-v3-zh@<commit>"
    model.files                        # with sizes, sha256 and where each is downloaded

The hubs tell the sha256 of large files. Hugging Face knows the small ones only by git's own hash: these
are fetched here, compared with it, and left in ``downloads`` under their sha256 for the installation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from django.utils.translation import gettext as _
from pydantic import Field, TypeAdapter, ValidationError

from engines.catalog import CatalogError, Model, ModelFile, Part, check_relative
from engines.download import FetchError, SourceError, get, shown
from engines.sources import PROBE_S, Sources, offline

# The listing of a hub that does not answer is not worth the waiting that a download is.
ATTEMPTS = 2
# What a hub keeps in git itself is small; a larger file without a sha256 is not what it should be.
MOST_GIT_BYTES = 64 * 2**20

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class _Lfs:
    sha256: Digest
    size: int


@dataclass(frozen=True)
class _Sibling:
    rfilename: str
    size: int
    blobId: str = ""
    lfs: _Lfs | None = None


@dataclass(frozen=True)
class _HuggingFace:
    """The answer of Hugging Face, as far as it is needed."""

    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    siblings: tuple[_Sibling, ...]


@dataclass(frozen=True)
class _ModelScopeFile:
    Path: str
    Type: str
    Size: int = 0
    Sha256: Digest | Literal[""] = ""


@dataclass(frozen=True)
class _ModelScopeData:
    Files: tuple[_ModelScopeFile, ...]


@dataclass(frozen=True)
class _ModelScope:
    """The answer of ModelScope, as far as it is needed."""

    Data: _ModelScopeData


@dataclass(frozen=True)
class _Listed:
    """A file as a hub lists it: with its sha256, or with git's hash of it."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


def resolve(model: Model, sources: Sources, downloads: Path) -> Model:
    """Return ``model`` with the files that the first hub that answers has for it.

    Raises FetchError that names what each repository lacks and what to do.
    """
    assert model.snapshot
    problems = []
    for repository in model.snapshot.sources:
        try:
            return _resolve(model, repository, sources, downloads)
        except SourceError as exc:
            problems.append(str(exc))
    raise FetchError(
        _(
            "Cannot get %(id)s:\n  %(problems)s\n"
            "Check the network and the proxy (HTTPS_PROXY, SSL_CERT_FILE), or name a mirror (HF_ENDPOINT, "
            "MODELSCOPE_ENDPOINT), then run:\n  python manage.py models pull %(id)s\n"
            "For a machine without a network, copy %(folder)s from one that has it."
        )
        % {"id": model.id, "problems": "\n  ".join(problems), "folder": downloads.parent.with_name(model.id)}
    )


def hub_that_has(model: Model, sources: Sources) -> str:
    """Return the hub (``hf``, ``modelscope``) that answers at once and lists a snapshot's files; else ""."""
    assert model.snapshot
    for repository in model.snapshot.sources:
        if repository.scheme == "hf" and offline():
            continue
        try:
            _pinned, listed = _list(repository, sources, attempts=1, timeout_s=PROBE_S)
            chosen((file.path for file in listed), model.snapshot.include)
        except (SourceError, LookupError):
            continue
        return repository.scheme
    return ""


def chosen(paths: Iterable[str], include: Sequence[str]) -> list[str]:
    """Return the paths that ``include`` asks for; raise LookupError with the pattern that finds none."""
    paths, found = sorted(paths), set()
    for alternatives in include:
        matches: list[str] = []
        for pattern in alternatives.split("|"):
            matches = matches or [path for path in paths if fnmatchcase(path, pattern)]
        if not matches:
            raise LookupError(alternatives)
        found.update(matches)
    return sorted(found)


def _resolve(model: Model, repository: Part, sources: Sources, downloads: Path) -> Model:
    if repository.scheme == "hf" and offline():
        raise SourceError(_("HF_HUB_OFFLINE is set, Hugging Face is not asked"))
    assert model.snapshot
    pinned, listed = _list(repository, sources)
    by_path = {file.path: file for file in listed}
    try:
        wanted = [by_path[path] for path in chosen(by_path, model.snapshot.include)]
        for file in wanted:
            check_relative(model.id, file.path)
    except LookupError as exc:
        raise SourceError(
            _("%(repository)s has no file that matches %(pattern)s")
            % {"repository": pinned.reference, "pattern": exc}
        ) from exc
    except CatalogError as exc:
        raise SourceError(str(exc)) from exc
    files = []
    for file in wanted:
        part = replace(pinned, member=file.path)
        sha256 = file.sha256 or _fetch_small(file, part, sources, downloads)
        files.append(ModelFile(file.path, file.size, sha256, ((part,),)))
    sources.say(_("%(id)s is %(origin)s") % {"id": model.id, "origin": pinned.reference})
    return replace(model, files=tuple(files), origin=pinned.reference)


def _list(
    repository: Part, sources: Sources, *, attempts: int = ATTEMPTS, timeout_s: float | None = None
) -> tuple[Part, list[_Listed]]:
    """Return the repository at the commit it has now, and its files."""
    answer = _ask(repository, sources, attempts, timeout_s)
    if isinstance(answer, dict) and answer.get("Success") is False:
        raise SourceError(f"{repository.reference}: {answer.get('Message')}")
    try:
        if repository.scheme == "hf":
            info = TypeAdapter(_HuggingFace).validate_python(answer)
            pinned = replace(repository, version=info.sha)
            return pinned, [
                _Listed(s.rfilename, s.lfs.size, s.lfs.sha256)
                if s.lfs
                else _Listed(s.rfilename, s.size, git_sha1=s.blobId)
                for s in info.siblings
            ]
        # ModelScope names no commit; the sha256 of every file pins what the branch has now.
        data = TypeAdapter(_ModelScope).validate_python(answer).Data
        return repository, [_Listed(f.Path, f.Size, f.Sha256) for f in data.Files if f.Type == "blob"]
    except ValidationError as exc:
        first = exc.errors()[0]
        raise SourceError(
            _("%(repository)s: the hub's answer cannot be read (%(field)s: %(error)s)")
            % {
                "repository": repository.reference,
                "field": ".".join(map(str, first["loc"])),
                "error": first["msg"],
            }
        ) from exc


def _ask(repository: Part, sources: Sources, attempts: int, timeout_s: float | None) -> Any:
    url = sources.listing_url(repository)
    try:
        page = get(
            sources.client,
            url,
            backoff_s=sources.backoff_s,
            accept="application/json",
            attempts=attempts,
            timeout_s=timeout_s,
        )
        return page.json()
    except ValueError as exc:
        raise SourceError(
            _("%(repository)s: the hub's answer is no JSON; is %(url)s a hub?")
            % {"repository": repository.reference, "url": shown(url)}
        ) from exc
    except SourceError as exc:
        cause = exc.__cause__
        # Hugging Face answers 401 for a repository that is not there, too.
        if isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code in (401, 403, 404):
            raise SourceError(
                _("%(repository)s is not there, or may not be read without an account (HTTP %(status)d)")
                % {"repository": repository.reference, "status": cause.response.status_code}
            ) from exc
        raise


def _fetch_small(file: _Listed, part: Part, sources: Sources, downloads: Path) -> str:
    """Fetch a file that the hub keeps in git, and return its sha256."""
    if not file.git_sha1 or file.size > MOST_GIT_BYTES:
        raise SourceError(
            _("%(repository)s tells no hash of %(path)s") % {"repository": part.reference, "path": file.path}
        )
    content = get(sources.client, sources.url(part), backoff_s=sources.backoff_s, accept="*/*").content
    actual = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if actual != file.git_sha1:
        raise SourceError(
            _("%(path)s of %(repository)s is not what the hub lists (%(actual)s, expected %(expected)s).")
            % {
                "path": file.path,
                "repository": part.reference,
                "actual": actual,
                "expected": file.git_sha1,
            }
        )
    sha256 = hashlib.sha256(content).hexdigest()
    downloads.mkdir(parents=True, exist_ok=True)
    (downloads / sha256).write_bytes(content)
    return sha256
