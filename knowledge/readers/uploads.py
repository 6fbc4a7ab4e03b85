"""The entrance: an uploaded file's name and content to entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from django.utils.translation import gettext as _

from knowledge.cleaning import clean
from knowledge.errors import LoadError
from knowledge.loaders import MAX_BYTES, BusinessData, read_json, too_large
from knowledge.readers import csv_file, docx_file, html_file, markdown_file, pdf_file, text_file, xlsx_file
from knowledge.readers.columns import Column, Columns
from knowledge.readers.drafts import Draft, collect
from knowledge.readers.signatures import check_signature
from knowledge.readers.upload import Upload

READERS: dict[str, Callable[[Upload], Iterator[Draft]]] = {
    ".csv": csv_file.drafts,
    ".tsv": csv_file.drafts,
    ".docx": docx_file.drafts,
    ".htm": html_file.drafts,
    ".html": html_file.drafts,
    ".markdown": markdown_file.drafts,
    ".md": markdown_file.drafts,
    ".pdf": pdf_file.drafts,
    ".txt": text_file.drafts,
    ".xlsx": xlsx_file.drafts,
}
ACCEPTED = tuple(sorted([*READERS, ".json"]))
# What Office and WPS offer under "Save as" for the types that are not read.
SUCCESSORS = {".xls": ".xlsx", ".et": ".xlsx", ".xlsm": ".xlsx", ".doc": ".docx", ".wps": ".docx"}
MAX_NAME = 200


class Readable(Protocol):
    """An open binary file, or Django's UploadedFile."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class FileRead:
    """A file's entries, the columns of its tables, and what the operator should check."""

    data: BusinessData
    columns: list[Column]
    warnings: list[str]


def read_upload(name: str, source: Path | Readable) -> BusinessData:
    """Return the entries of an uploaded file; raise LoadError. A stream is read from where it stands."""
    return read_file(name, source, {}).data


def read_file(name: str, source: Path | Readable, assigned: Mapping[str, str]) -> FileRead:
    """Return what a file holds; ``assigned``: fields of columns by their names, as an operator chose them.

    Raises LoadError.
    """
    file = base_name(name)
    suffix = PurePath(file).suffix.lower()
    if suffix not in ACCEPTED:
        raise unknown_type(file, suffix)
    upload = Upload(file, content_of(source, file), columns=Columns(assigned))
    if not upload.content.strip():
        raise upload.error(_("{file} is empty. Choose a file with text in it."))
    check_signature(upload, suffix)
    if suffix == ".json":
        return FileRead(read_json(upload.content, file), [], [])
    data = collect(READERS[suffix](upload), upload)
    return FileRead(data, list(upload.columns.seen.values()), upload.warnings)


def base_name(name: str) -> str:
    """Return the last part of a file name that a browser sent, without folders and invisible characters."""
    last = re.split(r"[/\\]", clean(name).replace("\n", " "))[-1].strip()
    path = PurePath(last)
    return path.stem[: MAX_NAME - len(path.suffix)] + path.suffix if len(last) > MAX_NAME else last


def content_of(source: Path | Readable, file: str) -> bytes:
    """Return the bytes; of a file that is too large no more is read than shows it."""
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        else:
            content = source.read(MAX_BYTES + 1)
    except OSError as exc:
        raise LoadError(_("{file} cannot be read: {reason}").format(file=file, reason=exc.strerror)) from exc
    if len(content) > MAX_BYTES:
        raise too_large(file)
    return content


def unknown_type(file: str, suffix: str) -> LoadError:
    if suffix in SUCCESSORS:
        text = _("{file}: {suffix} files are not read. Save it as {successor} and upload that.")
        return LoadError(text.format(file=file, suffix=suffix, successor=SUCCESSORS[suffix]))
    text = _("{file}: files of this type are not read. Upload one of: {accepted}.")
    return LoadError(text.format(file=file or _("A file without a name"), accepted=", ".join(ACCEPTED)))
