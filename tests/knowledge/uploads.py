"""Files as operators upload them, made on the spot, and what the readers say of them.

::

    entries("价目.csv", "名称,价格\\n日卡,80\\n")      # [Entry(...)]
    refusal("价目.csv", b"")                         # "价目.csv is empty. ..."
    xlsx({"价格": [["名称", "价格"], ["日卡", 80]]})   # bytes
    pdf(["第一页的字", ""])                           # bytes: two pages, the second without text
    pdf_at([[(60, 700, "左栏"), (320, 700, "右栏")]])   # bytes: a page in two columns
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import docx
import openpyxl
import pytest

from knowledge.errors import LoadError
from knowledge.loaders import BusinessData, Entry
from knowledge.readers import read_upload


def upload(name: str, content: str | bytes) -> BusinessData:
    return read_upload(name, io.BytesIO(content.encode() if isinstance(content, str) else content))


def entries(name: str, content: str | bytes) -> list[Entry]:
    return upload(name, content).entries


def refusal(name: str, content: str | bytes) -> str:
    with pytest.raises(LoadError) as caught:
        upload(name, content)
    assert (caught.value.stage, caught.value.code) == ("load", "bad_file")
    return str(caught.value)


def xlsx(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(document: Any) -> bytes:
    """Return an openpyxl workbook, a python-docx document or a pypdf writer as bytes."""
    stream = io.BytesIO()
    (document.write if hasattr(document, "encrypt") else document.save)(stream)
    return stream.getvalue()


def word(*paragraphs: str) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def with_part(archive: bytes, name: str, pieces: Iterable[bytes]) -> bytes:
    """Return the archive with one part replaced; pieces need not fit in memory together."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part.filename, old.read(part))
        with new.open(name, "w") as target:
            for piece in pieces:
                target.write(piece)
    return stream.getvalue()


def pdf(pages: Sequence[str]) -> bytes:
    """Return a PDF whose pages hold these texts, a line each."""
    return pdf_at(
        [
            [(20, 700 - 20 * n, line) for n, line in enumerate(page.split("\n"))] if page else []
            for page in pages
        ]
    )


def pdf_at(pages: Sequence[Sequence[tuple[int, int, str]]]) -> bytes:
    """Return a PDF whose pages hold texts at these places: x, y from below, and the text."""
    letters = sorted({letter for page in pages for _x, _y, text in page for letter in text})
    codes = {letter: number for number, letter in enumerate(letters, start=1)}
    mapping = "".join(
        f"<{number:04x}> <{letter.encode('utf-16-be').hex()}>\n" for letter, number in codes.items()
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (len(pages), b" ".join(b"%d 0 R" % (6 + 2 * n) for n in range(len(pages)))),
        b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>",
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<<"
        b"/Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000>>",
        stream(
            f"begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n"
            f"{len(codes)} beginbfchar\n{mapping}endbfchar endcmap".encode()
        ),
    ]
    for number, page in enumerate(pages):
        texts = (
            f"1 0 0 1 {x} {y} Tm <{''.join(f'{codes[letter]:04x}' for letter in text)}> Tj"
            for x, y, text in page
        )
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]"
            b"/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>" % (7 + 2 * number),
            stream(f"BT /F 12 Tf {' '.join(texts)} ET".encode() if page else b""),
        ]
    return pdf_of(objects)


def stream(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """Return the objects, numbered from 1, as a PDF; the first is its catalog."""
    file, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        file
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (
            len(objects) + 1,
            table,
            len(objects) + 1,
            len(file),
        )
    )
