"""One HTTP download that survives a cut line and is never believed before its sha256 is right."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from django.utils.translation import gettext as _

CHUNK = 1 << 20
ATTEMPTS = 5


class FetchError(Exception):
    """A model cannot be installed; the message says why and what to do."""


class SourceError(FetchError):
    """One source failed; another may still do."""


class DiskFull(FetchError):
    """The disk is full; no other source would help."""


def download(
    client: httpx.Client,
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int = 0,
    progress: Callable[[int], object] = lambda _count: None,
    backoff_s: float = 0.5,
) -> None:
    """Fetch ``url`` into ``target``, going on from ``<target>.partial`` if an earlier try left one.

    ``size`` (bytes, 0: unknown) stops a server that sends more. ``progress`` is told every byte count gained,
    or lost when a server cannot resume. A line that breaks is tried again after 0.5, 1, 2, 4 s; each time it
    brought new bytes the count starts afresh. Raises SourceError (also when the sha256 is wrong: the partial
    file is then gone).
    """
    partial = target.with_name(target.name + ".partial")
    resumed = file_size(partial)
    progress(resumed)
    while True:
        if not size or file_size(partial) != size:
            _complete(client, url, partial, size, progress, backoff_s)
        actual = file_sha256(partial)
        if actual == sha256:
            partial.replace(target)
            return
        progress(-file_size(partial))
        partial.unlink()
        if not resumed:
            raise SourceError(
                _("%(url)s has the wrong sha256 (%(actual)s, expected %(expected)s): refused.")
                % {"url": shown(url), "actual": actual, "expected": sha256}
            )
        # The bytes of the earlier try may be to blame; one whole download tells.
        resumed = 0


@contextmanager
def disk_full_named(folder: Path) -> Iterator[None]:
    """Turn the bare error of a disk that fills up into one that says what to do."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            _("The disk of %(folder)s is full. Free some space and run the command again: it goes on.")
            % {"folder": folder}
        ) from exc


def get(
    client: httpx.Client,
    url: str,
    *,
    backoff_s: float,
    accept: str,
    attempts: int = ATTEMPTS,
    timeout_s: float | None = None,
) -> httpx.Response:
    """Return the page of an index; raise SourceError when it cannot be had.

    ``timeout_s`` limits each step of a request, where it must be less patient than the client is.
    """
    timeout = client.timeout if timeout_s is None else timeout_s
    for attempt in range(attempts):
        try:
            response = client.get(url, headers={"Accept": accept}, timeout=timeout)
            response.raise_for_status()
            return response
        except httpx.HTTPError as exc:
            if not _temporary(exc) or attempt == attempts - 1:
                raise SourceError(explain(url, exc)) from exc
            time.sleep(backoff_s * 2**attempt)
    raise AssertionError("unreachable")


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_size(path: Path) -> int:
    """Return the size in bytes, 0 for a file that is not there."""
    return path.stat().st_size if path.exists() else 0


def shown(url: str) -> str:
    """Return an URL fit for a message: without the password and the signed query it may carry."""
    return str(httpx.URL(url).copy_with(username=None, password=None, query=None, fragment=None))


def explain(url: str, exc: httpx.HTTPError) -> str:
    """Say in one line why a request failed."""
    if isinstance(exc, httpx.HTTPStatusError):
        reason = f"HTTP {exc.response.status_code}"
    else:
        reason = str(exc) or type(exc).__name__
    return f"{shown(url)}: {reason}"


def _complete(
    client: httpx.Client,
    url: str,
    partial: Path,
    size: int,
    progress: Callable[[int], object],
    backoff_s: float,
) -> None:
    """Receive the rest of a file, over as many connections as it takes."""
    failures, most = 0, file_size(partial)
    while True:
        try:
            return _receive(client, url, partial, size, progress)
        except httpx.HTTPError as exc:
            have = file_size(partial)
            failures = 1 if have > most else failures + 1
            most = max(most, have)
            if not _temporary(exc) or failures >= ATTEMPTS:
                raise SourceError(explain(url, exc)) from exc
            time.sleep(backoff_s * 2 ** (failures - 1))


def _receive(
    client: httpx.Client, url: str, partial: Path, size: int, progress: Callable[[int], object]
) -> None:
    start = file_size(partial)
    # The bytes must arrive as they are stored: a compressed transfer could not be resumed.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()
            progress(-start)
        response.raise_for_status()
        resumes = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and not resumes:
            progress(-start)
            start = 0
        with partial.open("ab" if start else "wb") as file:
            # No chunk size: httpx would hold back, and lose with the line, what does not fill a chunk.
            for chunk in response.iter_raw():
                start += len(chunk)
                if size and start > size:
                    raise SourceError(
                        _("%(url)s is larger than the catalogue says: refused.") % {"url": shown(url)}
                    )
                file.write(chunk)
                progress(len(chunk))


def _temporary(exc: httpx.HTTPError) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(exc, httpx.HTTPStatusError):
        return exc.response.status_code in (408, 416, 425, 429) or exc.response.status_code >= 500
    return isinstance(exc, httpx.TransportError) and not isinstance(exc, httpx.UnsupportedProtocol)
