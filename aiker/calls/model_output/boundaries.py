"""Where a clause of an answer ends, while the answer is being written. Pure.

::

    clause_end("您好，价格", line_start=True, final=False)      # 3
    clause_end("价格是9:", line_start=True, final=False)       # UNFINISHED: 9:00 would be a time
    clause_end("价格是", line_start=True, final=False)         # NONE

Markup, brackets and addresses are never cut.
"""

from __future__ import annotations

import re

from aiker.calls.model_output.markup import ADDRESS_STARTS, NONE, OPENERS, UNFINISHED, construct
from aiker.calls.model_output.tables import is_row

SENTENCE_END = "。！？!?；;\n…"
SIGNS = SENTENCE_END + "，,、：:."
MAX_CLAUSE = 60  # characters without any pause

_BOUNDARY = re.compile(rf"[{re.escape(SIGNS)}]|[{OPENERS}]|{ADDRESS_STARTS}", re.IGNORECASE)
_BETWEEN_FIGURES = ".,:：，"
_ENTITY = re.compile(r"&#?\w{1,8}$")
_FACE = re.compile(r":-?[)(DPp](?!\w)")
_WORD = re.compile(r"[A-Za-z]{2}$")
# The start of an address, a picture (what follows makes an arrow a pause), or of a figure's sign.
_MAY_GO_ON = re.compile(r"(?:h|ht|htt|https?:?/?|w{1,3}|[\u2190-\u21ff\u2500-\u27bf])$", re.IGNORECASE)


def clause_end(buffer: str, *, line_start: bool, final: bool) -> int:
    """Return where the first clause ends; NONE, or UNFINISHED when that depends on what follows.

    ``final``: nothing follows.
    """
    if line_start and is_row(buffer):
        end = buffer.find("\n")
        return end + 1 if end >= 0 else UNFINISHED
    at = 0
    while found := _BOUNDARY.search(buffer, at):
        at = found.start()
        if buffer[at] in SIGNS and not buffer.startswith("![", at):
            end = _sign(buffer, at, line_start=line_start, final=final)
            if end != NONE:
                return end
            at += 1
            continue
        end = construct(buffer, at, final=final)
        if end == UNFINISHED:
            return UNFINISHED
        at = end or found.end()
    if len(buffer) >= MAX_CLAUSE and not (buffer[-1].isascii() and buffer[-1].isalnum()):
        return len(buffer)
    return NONE


def may_go_on(buffer: str) -> bool:
    """Whether the last characters may be the start of something that is said in another way."""
    return _MAY_GO_ON.search(buffer) is not None


def _sign(buffer: str, at: int, *, line_start: bool, final: bool) -> int:
    """Return ``at + 1`` when a clause ends with the sign at ``at``; else as ``clause_end``."""
    sign, before, after = buffer[at], buffer[:at], buffer[at + 1 : at + 2]
    open_end = not after and not final
    if sign in _BETWEEN_FIGURES and before[-1:].isdigit():
        if open_end:
            return UNFINISHED
        return NONE if sign == "." or after.isdigit() else at + 1
    if sign == ".":
        return _full_stop(before, after, at, open_end=open_end)
    if sign == "、" and line_start and before.strip().isdigit():
        return NONE  # 2、3个工作日, or the number of an item
    if sign == ";" and _ENTITY.search(before):
        return NONE  # &nbsp;
    if sign in ":;!" and (open_end or (buffer[at:] == ":/" and not final)):
        return UNFINISHED  # :) or ![ or ://
    if sign == ":" and (buffer.startswith("//", at + 1) or _FACE.match(buffer, at)):
        return NONE
    return at + 1


def _full_stop(before: str, after: str, at: int, *, open_end: bool) -> int:
    """A full stop ends a sentence behind a word, before a space or Chinese."""
    if not _WORD.search(before):
        return NONE
    if open_end:
        return UNFINISHED
    return NONE if after.isascii() and after.isalnum() else at + 1
