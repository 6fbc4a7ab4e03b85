"""PDF to entries: an article a page, since a PDF has no headings, with its questions and its tables.

Columns are read one after the other; what repeats at the head and foot of pages, and their numbers, are left
out.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from django.utils.translation import gettext as _
from pypdf import Configuration, PageObject, PasswordType, PdfReader, apply_configuration
from pypdf.errors import LimitReachedError

from knowledge.cleaning import clean
from knowledge.readers import articles
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.drafts import Draft
from knowledge.readers.grid import Row
from knowledge.readers.limits import MAX_PAGE_OPERATORS, MAX_PAGES, MAX_STREAM_BYTES
from knowledge.readers.pairs import Paragraph
from knowledge.readers.pdf_layout import Piece, furniture, pieces_of, reflowed, segments, squeezed
from knowledge.readers.upload import Upload

logger = logging.getLogger(__name__)
LIMITS = Configuration(
    maximum_declared_stream_length=MAX_STREAM_BYTES,
    array_based_stream_maximum_output_length=MAX_STREAM_BYTES,
    zlib_maximum_output_length=MAX_STREAM_BYTES,
    lzw_maximum_output_length=MAX_STREAM_BYTES,
    run_length_maximum_output_length=MAX_STREAM_BYTES,
    brotli_maximum_output_length=MAX_STREAM_BYTES,
    stream_decoding_work_maximum_length=4 * MAX_STREAM_BYTES,
    stream_parsing_work_maximum_count=MAX_PAGE_OPERATORS,
)


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of the pages that hold text; the others are named in the notice."""
    pages = page_pieces(upload)
    empty = [str(number) for number, pieces in enumerate(pages, start=1) if not pieces]
    if len(empty) == len(pages):
        raise upload.error(
            _(
                "{file} holds pictures only, no text: it was probably scanned. "
                "Recognise its text (OCR) first, and upload the result."
            )
        )
    for number in empty:
        upload.leave_out(_("Pages without text, left out"), number)
    yield from articles.drafts_of(blocks(pages, upload.stem), upload)


def blocks(pages: list[list[Piece]], stem: str) -> Iterator[Block]:
    yield Heading(1, stem)
    for number, pieces in enumerate(pages, start=1):
        # In every language of the admin the same, as ids and contents must be.
        yield Heading(2, f"第{number}页")
        place = _("Page {page}").format(page=number)
        for piece in pieces:
            yield Paragraph(piece, place) if isinstance(piece, str) else Grid(list(grid_rows(piece, place)))


def grid_rows(rows: list[list[str]], place: str) -> Iterator[Row]:
    """Yield the rows of a table; where the first cell is empty, it is the one above, merged."""
    first = ""
    for number, cells in enumerate(rows):
        carried = number > 1 and not cells[0] and bool(first)
        first = cells[0] or first
        yield Row(place, [first, *cells[1:]] if carried else cells, grouped=carried)


def page_pieces(upload: Upload) -> list[list[Piece]]:
    """Return the texts and tables of each page; raise LoadError."""
    with upload.parsing(), apply_configuration(LIMITS):
        try:
            plain, layouts = page_texts(upload)
        except LimitReachedError as exc:
            text = _(
                "{file} is far larger unpacked than a document is. Print it to a new PDF and upload that."
            )
            raise upload.error(text) from exc
    left_out = furniture(layouts if all(layouts) else [text.split("\n") for text in plain])
    for line in sorted(set().union(*left_out)):
        upload.leave_out(_("Heads and feet of pages, left out"), line)
    return [
        [piece for piece in pieces_of_page(text, layout, lines) if piece]
        for text, layout, lines in zip(plain, layouts, left_out, strict=True)
    ]


def pieces_of_page(text: str, layout: list[str], left_out: set[str]) -> list[Piece]:
    """Return a page without its head and foot; its own order of texts counts where it has no columns."""
    pieces = pieces_of([line for line in layout if squeezed(line) not in left_out])
    if len(pieces) < 2 and all(isinstance(piece, str) for piece in pieces) and not has_columns(layout):
        lines = [line for line in text.split("\n") if squeezed(line) not in left_out]
        pieces = ["\n".join(lines).strip()]
    return [reflowed(piece) if isinstance(piece, str) else piece for piece in pieces]


def has_columns(layout: list[str]) -> bool:
    return sum(len(segments(line)) > 1 for line in layout) > 1


def page_texts(upload: Upload) -> tuple[list[str], list[list[str]]]:
    """Return each page as plain text, and as lines in fixed columns; those are empty where that fails."""
    plain, layouts = [], []
    for page in open_pages(upload):
        upload.check_time()
        plain.append(clean(page.extract_text()).strip())
        layouts.append(layout_of(page) if plain[-1] else [])
    return plain, layouts


def layout_of(page: PageObject) -> list[str]:
    """Return a page as lines in fixed columns; nothing when its fonts do not say how wide they are."""
    try:
        text = page.extract_text(extraction_mode="layout")
    except LimitReachedError:
        raise
    except Exception:
        logger.info("a page cannot be laid out in columns", exc_info=True)
        return []
    return clean(text).split("\n")


def open_pages(upload: Upload) -> list[PageObject]:
    reader = PdfReader(io.BytesIO(upload.content))
    # Many PDFs are locked against printing only and open with the empty password.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise upload.error(_("{file} is protected by a password. Remove the password and upload it again."))
    if len(reader.pages) > MAX_PAGES:
        raise upload.error(_("{file} has more than {limit} pages. Split it."), limit=MAX_PAGES)
    return list(reader.pages)
