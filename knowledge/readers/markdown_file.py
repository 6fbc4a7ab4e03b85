"""Markdown (CommonMark with tables) to entries, without its marks: callers hear the text.

Pictures, comments and struck-through text are left out, links keep their text, code its lines; a YAML head is
left out. HTML between the text is read as a browser shows it, its tables too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.readers import articles, html_file
from knowledge.readers.articles import Block, Grid, Heading
from knowledge.readers.decoding import decoded
from knowledge.readers.drafts import Draft
from knowledge.readers.grid import Row
from knowledge.readers.limits import MAX_MARKDOWN_BYTES
from knowledge.readers.pairs import Paragraph
from knowledge.readers.upload import Upload

HEAD = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
STRIKE_OPEN = re.compile(r"<(?:s|del|strike)\b[^>]*>", re.IGNORECASE)
STRIKE_CLOSE = re.compile(r"</(?:s|del|strike)\s*>", re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def drafts(upload: Upload) -> Iterator[Draft]:
    """Yield the drafts of a Markdown file."""
    if len(upload.content) > MAX_MARKDOWN_BYTES:
        text = _("{file} is larger than {limit} MB, too large for Markdown. Split it.")
        raise upload.error(text, limit=MAX_MARKDOWN_BYTES // 1_000_000)
    # The head's lines stay, empty, so that line numbers are those of the file.
    text = HEAD.sub(lambda found: "\n" * found[0].count("\n"), decoded(upload))
    with upload.parsing():
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    yield from articles.drafts_of(blocks(tokens, upload), upload)


def blocks(tokens: Sequence[Token], upload: Upload) -> Iterator[Block]:
    """Yield headings, paragraphs (a whole list is one) and tables."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = closing(tokens, position)
        inside = tokens[position + 1 : end]
        if token.type == "heading_open":
            if text := " ".join(inline_text(inside[0], upload).split()):
                yield Heading(int(token.tag[1]), text)
        elif token.type == "table_open":
            yield Grid(list(table_rows(inside, upload)))
        elif token.type == "html_block":
            yield from html_file.blocks_of(token.content, upload, place_of(token))
        elif text := "\n".join(lines_of([token, *inside], upload)).strip():
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


def lines_of(tokens: Sequence[Token], upload: Upload) -> Iterator[str]:
    """Yield the text of a block, and of the blocks in it; items of numbered lists keep their numbers."""
    number = ""
    for token in tokens:
        if token.type == "list_item_open":
            number = f"{token.info}. " if token.info else ""
        elif token.type == "inline":
            yield number + inline_text(token, upload)
            number = ""
        elif token.type in ("fence", "code_block"):
            yield token.content.strip("\n")
        elif token.type == "html_block":
            for block in html_file.blocks_of(token.content, upload, place_of(token)):
                if not isinstance(block, Grid):
                    yield block.text


def table_rows(tokens: Sequence[Token], upload: Upload) -> Iterator[Row]:
    place, cells, head = "", list[str](), False
    for token in tokens:
        if token.type in ("thead_open", "thead_close"):
            head = token.type == "thead_open"
        elif token.type == "tr_open":
            place, cells = place_of(token), []
        elif token.type == "inline":
            cells.append(inline_text(token, upload).strip())
        elif token.type == "tr_close":
            yield Row(place, cells, strong=head)


def inline_text(token: Token, upload: Upload) -> str:
    """Return the words of a paragraph, heading or cell, without what is struck through."""
    words: list[str] = []
    struck: list[str] | None = None
    for child in token.children or []:
        opens, closes = STRIKE_OPEN.fullmatch(child.content), STRIKE_CLOSE.fullmatch(child.content)
        if child.type == "s_open" or (child.type == "html_inline" and opens):
            struck = []
        elif struck is not None and (child.type == "s_close" or (child.type == "html_inline" and closes)):
            upload.leave_out(_("Struck-through text, left out"), "".join(struck))
            struck = None
        elif struck is not None:
            struck.append(child.content if child.type in ("text", "code_inline") else "")
        elif child.type in ("text", "code_inline"):
            words.append(child.content)
        elif child.type in ("softbreak", "hardbreak") or BREAK.fullmatch(child.content):
            words.append("\n")
    return "".join(words)


def place_of(token: Token) -> str:
    return _("Line {line}").format(line=token.map[0] + 1 if token.map else 1)
