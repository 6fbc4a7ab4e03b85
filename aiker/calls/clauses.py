"""Cut a stream of LLM text into clauses that can be spoken.

::

    splitter = ClauseSplitter()
    for token in stream:
        for clause in splitter.feed(token): speak(clause)
    for clause in splitter.finish(): speak(clause)
    clauses_of(text)                         # of a text that is there already

The first clause is cut at the first pause, before a number, or behind "是", so
that the voice starts early; later ones grow, so that it sounds connected and
never runs dry.

Each clause is read aloud alone, so a figure is never cut, nor cut off from the
words and signs that decide how it is read (验证码是482915, 第2次, ¥1,299).
"""

from __future__ import annotations

import re

from engines.local.text_normalization.context import LEFT_CHARS, binds_figure, names_a_code
from engines.local.text_normalization.markup import strip_markup
from knowledge.words import tokenizer

_SENTENCE_END = "。！？!?；;\n"
_PAUSE = "，,、：:"
_IN_FIGURE = ".,:：、"  # part of a number, a time or a list of numbers when a digit stands on both sides

FIRST_CHARS = 3
FIRST_BREAK = 4  # from here on the first clause may also end without punctuation
NEXT_CHARS = 12
MAX_CHARS = 40
# A text without pauses is cut at the end of a word; where there is none, here.
_MAX_UNCUT_CHARS = 3 * MAX_CHARS
_WORD_CHARS = 8  # as many beyond the limit tell where its last word ends

_THOUSANDS = re.compile(r"\d{3}(?!\d)")
_HANZI = re.compile("[\u4e00-\u9fff]")


def clauses_of(text: str) -> list[str]:
    """Return the clauses of a text that is said as written: the first is not cut short for an early start."""
    splitter = ClauseSplitter(early=False)
    return [*splitter.feed(text), *splitter.finish()]


class ClauseSplitter:
    """Collect text and hand out clauses; a clause keeps its closing punctuation."""

    def __init__(self, *, early: bool = True) -> None:
        self._buffer = ""
        self._given = 0 if early else 1  # only the first clause is cut short
        self._line_start = True

    def feed(self, text: str) -> list[str]:
        """Add ``text`` and return the clauses that are now complete."""
        self._buffer += text
        clauses = []
        while (cut := self._cut()) is not None:
            if clause := self._take(cut):
                clauses.append(clause)
                self._given += 1
        return clauses

    def finish(self) -> list[str]:
        """Return what is left, cut where it is too long."""
        clauses = []
        while self._buffer:
            cut = self._cut() or self._cut_at_word(last=True) or len(self._buffer)
            if clause := self._take(cut):
                clauses.append(clause)
        return clauses

    def _take(self, cut: int) -> str:
        """Remove the text up to ``cut`` from the buffer; return it without markup."""
        text, self._buffer = self._buffer[:cut], self._buffer[cut:]
        clause = strip_markup(text, line_start=self._line_start).strip()
        self._line_start = text.endswith("\n") or (self._line_start and not text.strip())
        return clause

    def _cut(self) -> int | None:
        min_chars = FIRST_CHARS if self._given == 0 else NEXT_CHARS
        for index, char in enumerate(self._buffer[: _MAX_UNCUT_CHARS + 1]):
            if char in _SENTENCE_END and not self._in_address(index):
                return index + 1
            if (
                char in _PAUSE
                and not self._in_address(index)
                and index + 1 >= min_chars
                and not self._holds_figure(index)
            ):
                return index + 1
            if self._given == 0 and self._opens(index):
                return index + 1
            if index + 1 > MAX_CHARS + _WORD_CHARS:
                return self._cut_at_word()
        return None

    def _opens(self, index: int) -> bool:
        """Whether the first clause may end behind ``index``, where a speaker would hold the tone."""
        before, after = self._buffer[: index + 1], self._buffer[index + 1 : index + 2]
        if len(before) < FIRST_BREAK or not after or not _HANZI.match(before[-1]):
            return False
        if after.isdecimal():
            return not any(char.isdecimal() for char in before) and not binds_figure(before, after)
        goes_on = after != "不" and (after.isalnum() or after in "¥￥$€£")
        return before[-1] == "是" and before[-2] != "不" and bool(goes_on) and not names_a_code(before)

    def _in_address(self, index: int) -> bool:
        """Whether the mark at ``index`` stands within an address (https://…), or may do so."""
        before, after = self._buffer[:index][-1:], self._buffer[index + 1 : index + 2]
        inside = before.isascii() and before.isalpha() and self._buffer[index] in ":?"
        return inside and (not after or (after.isascii() and (after.isalnum() or after == "/")))

    def _holds_figure(self, index: int) -> bool:
        """Whether the pause at ``index`` belongs to a figure, or may do so: the next token will tell."""
        before = self._buffer[max(0, index - LEFT_CHARS) : index + 1]
        after = self._buffer[index + 1 : index + 5]
        if before[:-1][-1:].isdecimal():
            if before[-1] in _IN_FIGURE and (after[:1].isdecimal() or not after):
                return True
            if before[-1] == "，" and (
                _THOUSANDS.match(after) if len(after) > 3 else not after.strip("0123456789")
            ):
                return True
        return names_a_code(before) and (not after or (after[0].isascii() and after[0].isalnum()))

    def _cut_at_word(self, *, last: bool = False) -> int | None:
        """Return the last place up to the limit where a word ends and no figure is cut, or the first behind.

        None while a later token may bring one; ``last``: none will come.
        """
        if last and len(self._buffer) <= MAX_CHARS:
            return None
        ends, position = [], 0
        for word in tokenizer().cut(self._buffer[:_MAX_UNCUT_CHARS]):
            position += len(word)
            if MAX_CHARS // 2 <= position < len(self._buffer) and self._may_end(position):
                ends.append(position)
                if position > MAX_CHARS:
                    break
        within = [end for end in ends if end <= MAX_CHARS]
        # The last word of the text so far may not be whole yet.
        beyond = [end for end in ends if end > MAX_CHARS and (last or end + _WORD_CHARS <= len(self._buffer))]
        if within or beyond:
            return within[-1] if within else beyond[0]
        return _MAX_UNCUT_CHARS if len(self._buffer) > _MAX_UNCUT_CHARS else None

    def _may_end(self, end: int) -> bool:
        """Whether what follows ``end`` is read the same when it is read alone."""
        before, after = self._buffer[max(0, end - LEFT_CHARS) : end], self._buffer[end]
        if not _HANZI.match(before[-1]):
            return before[-1] in _PAUSE and not self._holds_figure(end - 1)
        if after.isascii() and after.isalnum():
            return not binds_figure(before, after)
        return _HANZI.match(after) is not None
