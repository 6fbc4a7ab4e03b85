"""A hub, a package index and an npm registry on loopback, with the faults that real ones have.

``wheel`` and ``tarball`` make packages for them, ``part`` and ``model`` the catalogue entries to fetch them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engines import catalog
from engines.catalog import Model, ModelFile, Part


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    """The name that git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def wheel(name: str, version: str, members: dict[str, bytes]) -> bytes:
    """Return a wheel that pip accepts."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in {**members, **metadata}.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def tarball(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue())


def wheel_filename(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def part(reference: str, archive: bytes = b"") -> Part:
    """A part by its reference in the catalogue; ``archive`` is the package it is pinned to."""
    scheme, _colon, rest = reference.partition(":")
    start = len(scheme) + 1 + (rest.index("/") + 1 if rest.startswith("@") else 0)
    package = reference[: reference.find("/", start)]
    return catalog._part("test", reference, {package: {"sha256": sha256(archive), "size": len(archive)}})


def model(*files: tuple[str, bytes, tuple[tuple[Part, ...], ...]]) -> Model:
    """A model of (path, content, sources) each."""
    return Model(
        id="tiny",
        kind="vad",
        name="Tiny",
        languages=("zh",),
        licence="MIT",
        licence_url="https://example.org/licence",
        commercial=True,
        memory_mb=1,
        format="onnx",
        files=tuple(ModelFile(path, len(data), sha256(data), found) for path, data, found in files),
    )


class LocalRegistry:
    """Serves what the ``add_*`` methods put in; every request is in ``requests`` as (path, Range header).

    Faults, by path: ``cuts`` (each request takes one number: the connection ends after so many bytes of the
    body), ``failures`` (so many requests get a 503), ``before`` (called before the answer). ``agent`` is the
    User-Agent of the latest request.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cuts: dict[str, list[int]] = defaultdict(list)
        self.failures: dict[str, int] = defaultdict(int)
        self.before: dict[str, Callable[[], object]] = {}
        self.ranges = True
        self.agent = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def simple(self) -> str:
        return f"{self.url}/simple/"

    @property
    def npm(self) -> str:
        return f"{self.url}/npm/"

    def ranges_asked(self, path: str) -> list[str | None]:
        return [asked for requested, asked in self.requests if requested == path]

    def add_wheel(self, name: str, version: str, data: bytes, *, digest: bool = True) -> str:
        """Put a wheel into the index, linked relatively, with its digest or without; return its path."""
        filename = wheel_filename(name, version)
        path = f"/files/{filename}"
        self.pages[path] = "application/octet-stream", data
        link = f"../../files/{filename}" + (f"#sha256={sha256(data)}" if digest else "")
        page = f'<!DOCTYPE html><html><body><a href="{link}">{filename}</a></body></html>'
        self.pages[f"/simple/{name}/"] = "text/html", page.encode()
        return path

    def add_npm(self, name: str, version: str, data: bytes) -> str:
        path = f"/npm/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.pages[path] = "application/octet-stream", data
        release = {"name": name, "version": version, "dist": {"tarball": f"{self.url}{path}"}}
        document = {"name": name, "dist-tags": {"latest": version}, "versions": {version: release}}
        self.pages[f"/npm/{name.replace('/', '%2f')}"] = "application/json", json.dumps(document).encode()
        return path

    def add_hub_file(self, repo: str, revision: str, name: str, data: bytes) -> str:
        """Put a file where Hugging Face has it: a redirect to a store on another path."""
        self.pages[f"/store/{sha256(data)}"] = "application/octet-stream", data
        path = f"/{repo}/resolve/{revision}/{name}"
        self.pages[path] = "redirect", f"/store/{sha256(data)}".encode()
        return f"/store/{sha256(data)}"

    def add_hub_repository(
        self, repo: str, commit: str, files: dict[str, bytes], *, revision: str = "main", lfs: str = ".bin"
    ) -> None:
        """Put a repository where Hugging Face has it, its branch at ``commit``; ``*.bin`` are in LFS."""
        siblings = []
        for name, data in files.items():
            about: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git_sha1(data)}
            if name.endswith(lfs):
                about["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            siblings.append(about)
            self.add_hub_file(repo, commit, name, data)
        listing = json.dumps({"id": repo, "sha": commit, "siblings": siblings}).encode()
        for version in (revision, commit):
            self.pages[f"/api/models/{repo}/revision/{version}?blobs=true"] = "application/json", listing

    def add_modelscope_repository(self, repo: str, revision: str, files: dict[str, bytes]) -> None:
        """Put a repository where ModelScope has it: it tells the sha256 of every file."""
        listed: list[dict[str, object]] = [{"Path": "sub", "Name": "sub", "Type": "tree", "Sha256": ""}]
        for name, data in files.items():
            self.pages[f"/models/{repo}/resolve/{revision}/{name}"] = "application/octet-stream", data
            listed.append({"Path": name, "Type": "blob", "Size": len(data), "Sha256": sha256(data)})
        answer = {"Code": 200, "Success": True, "Data": {"Files": listed}}
        path = f"/api/v1/models/{repo}/repo/files?Revision={revision}&Recursive=True"
        self.pages[path] = "application/json", json.dumps(answer).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, *, body: bool) -> None:
                asked = self.headers.get("Range")
                registry.agent = self.headers.get("User-Agent", "")
                if body:
                    registry.requests.append((self.path, asked))
                    registry.before.get(self.path, lambda: None)()
                if self.path not in registry.pages:
                    return self._head(404, "text/plain", 0)
                if body and registry.failures[self.path] > 0:
                    registry.failures[self.path] -= 1
                    return self._head(503, "text/plain", 0)
                kind, data = registry.pages[self.path]
                if kind == "redirect":
                    return self._head(302, "text/plain", 0, Location=data.decode())
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and registry.ranges else 0
                if start:
                    extra = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
                    self._head(206, kind, len(data) - start, **extra)
                else:
                    self._head(200, kind, len(data))
                if body:
                    self._send(data[start:])

            def _head(self, status: int, kind: str, length: int, **headers: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(length))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def _send(self, data: bytes) -> None:
                cuts = registry.cuts[self.path]
                if cuts:
                    data = data[: cuts.pop(0)]
                    self.close_connection = True
                # A client that was stopped does not read what it asked for.
                with suppress(ConnectionError):
                    self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                """Keep the test output clean; ``requests`` has them all."""

        return Handler
