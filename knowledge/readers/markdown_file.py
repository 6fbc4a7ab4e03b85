"""Markdown (CommonMark with tables) to entries, without its marks: callers hear the text.

Pictures and HTML tags are left out, links keep their text, code its lines; a YAML head is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.readers import articles
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.limits import MAX_MARKDOWN_BYTES
from knowledge.readers.pairs import Paragraph
from knowledge.readers.grid import Row
from knowledge.readers.upload import Upload

HEAD = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a Markdown file."""
    if len(upload.content) > MAX_MARKDOWN_BYTES:
        text = _("{file} is larger than {limit} MB, too large for Markdown. Split it.")
        raise upload.error(text, limit=MAX_MARKDOWN_BYTES // 1_000_000)
    # The head's lines stay, empty, so that line numbers are those of the file.
    text = HEAD.sub(lambda found: "\n" * found[0].count("\n"), decoded(upload))
    with upload.parsing():
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
    yield from articles.drafts_of(blocks(tokens), upload)


def blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    """Yield headings, paragraphs (a whole list is one) and tables."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = closing(tokens, position)
        inside = tokens[position + 1 : end]
        if token.type == "heading_open":
            if text := " ".join(inline_text(inside[0]).split()):
                yield Heading(int(token.tag[1]), text)
        elif token.type == "table_open":
            yield Grid(list(table_rows(inside)))
        elif text := "\n".join(lines_of([token, *inside])).strip():
            yield Paragraph(text, place_of(token))
        position = end + 1


def closing(tokens: Sequence[Token], position: int) -> int:
    """Return the position of the token that closes the one at ``position``; its own when nothing does."""
    depth = 0
    for end in range(position, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    return len(tokens) - 1


def lines_of(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the text of a block, and of the blocks in it; items of numbered lists keep their numbers."""
    number = ""
    for token in tokens:
        if token.type == "list_item_open":
            number = f"{token.info}. " if token.info else ""
        elif token.type == "inline":
            yield number + inline_text(token)
            number = ""
        elif token.type in ("fence", "code_block"):
            yield token.content.strip("\n")
        elif token.type == "html_block":
            yield strip_tags(BREAK.sub("\n", token.content)).strip()


def table_rows(tokens: Sequence[Token]) -> Iterator[Row]:
    place, cells = "", list[str]()
    for token in tokens:
        if token.type == "tr_open":
            place, cells = place_of(token), []
        elif token.type == "inline":
            cells.append(inline_text(token).strip())
        elif token.type == "tr_close":
            yield Row(place, cells)


def inline_text(token: Token) -> str:
    """Return the words of a paragraph, heading or cell."""
    words = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            words.append(child.content)
        elif child.type in ("softbreak", "hardbreak") or BREAK.fullmatch(child.content):
            words.append("\n")
    return "".join(words)


def place_of(token: Token) -> str:
    return _("Line {line}").format(line=token.map[0] + 1 if token.map else 1)
