"""Zip bombs named as Office files are refused at once, with little memory."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import zipfile
import zlib

import pytest

from knowledge.readers.limits import MAX_PARTS
from tests.knowledge.uploads import refusal, with_part, word, xlsx

pytestmark = pytest.mark.usefixtures("english")
SHEET = "xl/worksheets/sheet1.xml"
BOOK = xlsx({"x": [["a", "b"], [1, 2]]})
TOO_BIG = "is too large once unpacked, or in too many parts (at most 100 MB in 5000 parts). Copy its content"
# tracemalloc sees the copies of the packed file too; the bombs below are 0.3 MB packed and 300 MB unpacked.
MEMORY = 3_000_000


def cheap_refusal(name: str, content: bytes) -> str:
    """Return the refusal of a file that costs little to refuse."""
    tracemalloc.start()
    before = time.process_time()
    text = refusal(name, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(content) + MEMORY
    assert time.process_time() - before < 2
    return text


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Return a workbook whose sheet is 300 MB."""
    content = with_part(BOOK, SHEET, (b" " * 1_000_000 for _ in range(300)))
    assert len(content) < 1_000_000
    return content


def test_a_bomb_is_refused_by_its_directory(bomb: bytes) -> None:
    assert TOO_BIG in cheap_refusal("a.xlsx", bomb)
    assert TOO_BIG in cheap_refusal(
        "a.docx", with_part(word("x"), "word/media/a.png", [b" " * 1_000_000] * 101)
    )


@pytest.mark.parametrize("checksum_too", [False, True])
def test_a_bomb_is_refused_though_its_directory_lies(bomb: bytes, checksum_too: bool) -> None:
    """The directory, and even the checksum, speak of the part's first 1000 bytes."""
    lying = bytearray(bomb)
    place = next(
        start
        for start in range(bomb.find(b"PK\x01\x02"), len(bomb))
        if bomb.startswith(b"PK\x01\x02", start) and bomb.startswith(SHEET.encode(), start + 46)
    )
    lying[place + 24 : place + 28] = struct.pack("<L", 1_000)
    if checksum_too:
        # Of one byte more: a reader that goes on to see whether the part ends must not be content with it.
        lying[place + 16 : place + 20] = struct.pack("<L", zlib.crc32(b" " * 1_001))
    text = cheap_refusal("a.xlsx", bytes(lying))
    assert (TOO_BIG if checksum_too else "a.xlsx is damaged or incomplete") in text


def test_too_many_parts_are_refused_before_they_are_listed() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(MAX_PARTS + 1):
            archive.writestr(f"xl/{number}", b"")
    assert TOO_BIG in cheap_refusal("a.xlsx", stream.getvalue())
    # The count is a lie, the directory is as long as before.
    lying = bytearray(stream.getvalue())
    lying[-12:-10] = struct.pack("<H", 1)
    lying[-10:-6] = struct.pack("<L", 2_000_000)
    assert TOO_BIG in cheap_refusal("a.xlsx", bytes(lying))


def test_parts_that_become_trees_have_a_limit_of_their_own() -> None:
    noise = random.Random(1).randbytes(300_000).hex().encode()
    content = with_part(word("x"), "word/document.xml", [noise] * 40)
    assert TOO_BIG in cheap_refusal("a.docx", content)


def test_entities_are_refused() -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    text = "holds definitions of XML entities, which Office never writes. Save it again."
    assert text in refusal("a.xlsx", with_part(BOOK, SHEET, [laughs]))
    late = b"<!--" + b" " * 65_530 + b"-->" + laughs
    assert text in refusal("a.docx", with_part(word("x"), "word/document.xml", [late]))
    wide = laughs.decode().encode("utf-16")
    assert text in refusal("a.docx", with_part(word("x"), "word/document.xml", [wide]))


def test_unusual_archives_are_refused() -> None:
    for name, method in (("a.xlsx", zipfile.ZIP_BZIP2), ("a.docx", zipfile.ZIP_LZMA)):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr("xl/a.xml", b"a")
        assert "is packed in a way that Office never uses" in refusal(name, stream.getvalue())
    locked = bytearray(BOOK)
    for start in range(len(BOOK)):
        if BOOK.startswith(b"PK\x01\x02", start):
            locked[start + 8] |= 1
    assert "is protected by a password." in refusal("a.xlsx", bytes(locked))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", b"a")
    assert "its content is a zip archive" in refusal("a.xlsx", stream.getvalue())


def test_a_part_that_was_changed_is_refused() -> None:
    assert "a.xlsx is damaged or incomplete" in refusal(
        "a.xlsx", with_part(BOOK, SHEET, [b"<worksheet><sheet"])
    )
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    strange = b'<row><c s="999"><v>1</v></c></row></sheetData></worksheet>'
    assert "a.xlsx is damaged or incomplete" in refusal("a.xlsx", with_part(BOOK, SHEET, [head, strange]))
    assert "a.docx is damaged or incomplete" in refusal(
        "a.docx", with_part(word("x"), "word/document.xml", [b"<w:document"])
    )
