"""Zip archives of Office files, proved harmless before a library opens them.

::

    check_archive(upload, "xl/")     # XLSX; "word/" for DOCX

The directory is judged first: number and size of the parts, how well they are packed. Then every part is
unpacked once, 64 KiB at a time, and must be as long as the directory says: a directory that lies would
otherwise lead the libraries, which unpack in one piece, to gigabytes. A bomb costs one part's limit in time
and 64 KiB in memory.
"""

from __future__ import annotations

import copy
import io
import struct
import zipfile
from collections.abc import Iterator

from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.readers.limits import (
    MAX_DIRECTORY_BYTES,
    MAX_PARTS,
    MAX_RATIO,
    MAX_TREE_BYTES,
    MAX_UNPACKED_BYTES,
    SMALL_PART_BYTES,
)
from knowledge.readers.signatures import mismatch
from knowledge.readers.upload import Upload

PIECE = 65_536
END = b"PK\x05\x06"
END_BYTES = 22
END64_LOCATOR = b"PK\x06\x07"
LOCATOR_BYTES = 20
MAX_COMMENT = 65_535
# Read row by row, never as a tree.
STREAMED = ("xl/worksheets/", "xl/sharedStrings.xml")
DOCTYPES = [b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be")]


def check_archive(upload: Upload, folder: str) -> None:
    """Raise LoadError unless the archive is safe to open and holds ``folder``."""
    check_end(upload)
    with upload.parsing(), zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
        parts = archive.infolist()
        check_directory(upload, parts)
        check_folder(upload, parts, folder)
        for part in parts:
            check_part(upload, archive, part)


def check_end(upload: Upload) -> None:
    """Judge the directory by the record at the file's end, before it is read."""
    tail = upload.content[-(END_BYTES + LOCATOR_BYTES + MAX_COMMENT) :]
    start = tail.rfind(END)
    if start < 0 or len(tail) - start < END_BYTES:
        text = _("{file} is incomplete: its end is missing. Copy or download it again, and upload that.")
        raise upload.error(text)
    count, size = struct.unpack("<HL", tail[start + 10 : start + 16])
    if tail[max(0, start - LOCATOR_BYTES) :].startswith(END64_LOCATOR):
        raise too_big(upload)
    if count > MAX_PARTS or size > MAX_DIRECTORY_BYTES:
        raise too_big(upload)


def check_directory(upload: Upload, parts: list[zipfile.ZipInfo]) -> None:
    """Judge what the directory says of the parts."""
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise too_big(upload)
    for part in parts:
        if part.flag_bits & 1:
            raise upload.error(
                _("{file} is protected by a password. Remove the password and upload it again.")
            )
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise upload.error(
                _("{file} is packed in a way that Office never uses. Save it again with Office.")
            )
        in_tree = part.filename.endswith((".xml", ".rels")) and not part.filename.startswith(STREAMED)
        if in_tree and part.file_size > MAX_TREE_BYTES:
            raise too_big(upload)
        if part.file_size > max(SMALL_PART_BYTES, MAX_RATIO * part.compress_size):
            raise too_big(upload)


def check_folder(upload: Upload, parts: list[zipfile.ZipInfo], folder: str) -> None:
    names = {part.filename.split("/")[0] + "/" for part in parts}
    if folder not in names:
        found = {"xl/": _("an Excel file (.xlsx)"), "word/": _("a Word file (.docx)")}
        raise mismatch(upload, next((found[name] for name in found if name in names), _("a zip archive")))


def check_part(upload: Upload, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Unpack a part, and refuse it when it is longer than announced or defines entities of its own."""
    unpacked, end = 0, b""
    for piece in pieces(archive, part):
        upload.check_time()
        unpacked += len(piece)
        if unpacked > part.file_size:
            raise too_big(upload)
        if any(doctype in end + piece for doctype in DOCTYPES):
            text = _("{file} holds definitions of XML entities, which Office never writes. Save it again.")
            raise upload.error(text)
        end = piece[-max(map(len, DOCTYPES)) :]


def pieces(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a part as it really is, up to one byte more than the directory says."""
    open_part = copy.copy(part)
    # zipfile stops, and is content, at the announced size; one more byte shows whether it ends there.
    open_part.file_size += 1
    with archive.open(open_part) as stream:
        while piece := stream.read(PIECE):
            yield piece


def too_big(upload: Upload) -> LoadError:
    text = _(
        "{file} is too large once unpacked, or in too many parts (at most {size} MB in {parts} parts). "
        "Copy its content to a new file and upload that."
    )
    return upload.error(text, size=MAX_UNPACKED_BYTES // 1_000_000, parts=MAX_PARTS)
