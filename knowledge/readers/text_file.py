"""Plain text to entries: its questions with answers, and the rest as one article."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from knowledge.readers import articles
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a text file."""
    yield from articles.drafts_of(paragraphs(decoded(upload)), upload)


def paragraphs(text: str) -> Iterator[Paragraph]:
    """Yield what lies between empty lines, with the number of its first line."""
    lines: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip():
            lines.append(line.strip())
        elif lines:
            yield Paragraph("\n".join(lines), _("Line {line}").format(line=number - len(lines)))
            lines = []
