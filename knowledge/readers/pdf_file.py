"""PDF to entries: an article a page, since a PDF has no headings, and the questions with answers on it."""

from __future__ import annotations

import io
from collections.abc import Iterator

from django.utils.translation import gettext as _
from pypdf import Configuration, PageObject, PasswordType, PdfReader, apply_configuration
from pypdf.errors import LimitReachedError

from knowledge.cleaning import clean
from knowledge.readers import articles
from knowledge.readers.articles import Block, Heading
from knowledge.readers.drafts import Draft
from knowledge.readers.limits import MAX_PAGE_OPERATORS, MAX_PAGES, MAX_STREAM_BYTES
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload

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
    pages = page_texts(upload)
    empty = [str(number) for number, text in enumerate(pages, start=1) if not text]
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


def blocks(pages: list[str], stem: str) -> Iterator[Block]:
    yield Heading(1, stem)
    for number, text in enumerate(pages, start=1):
        # In every language of the admin the same, as ids and contents must be.
        yield Heading(2, f"第{number}页")
        yield Paragraph(text, _("Page {page}").format(page=number))


def page_texts(upload: Upload) -> list[str]:
    """Return the text of each page; raise LoadError."""
    with upload.parsing(), apply_configuration(LIMITS):
        try:
            pages = open_pages(upload)
            texts = []
            for page in pages:
                upload.check_time()
                texts.append(clean(page.extract_text()).strip())
        except LimitReachedError as exc:
            text = _(
                "{file} is far larger unpacked than a document is. Print it to a new PDF and upload that."
            )
            raise upload.error(text) from exc
    return texts


def open_pages(upload: Upload) -> list[PageObject]:
    reader = PdfReader(io.BytesIO(upload.content))
    # Many PDFs are locked against printing only and open with the empty password.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise upload.error(_("{file} is protected by a password. Remove the password and upload it again."))
    if len(reader.pages) > MAX_PAGES:
        raise upload.error(_("{file} has more than {limit} pages. Split it."), limit=MAX_PAGES)
    return list(reader.pages)
