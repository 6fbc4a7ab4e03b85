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
"""

from __future__ import annotations

import re

_SENTENCE_END = "。！？!?；;\n"
_PAUSE = "，,、：:"
_AMBIGUOUS = ".,:"  # part of a number or a time when a digit stands on both sides

FIRST_CHARS = 3
FIRST_BREAK = 4  # from here on the first clause may also end without punctuation
NEXT_CHARS = 12
MAX_CHARS = 40

_MARKDOWN = re.compile(r"[*#`_>|]+|^\s*[-•]\s+", re.MULTILINE)


def speakable(text: str) -> str:
    """Return ``text`` without the Markdown signs that a voice would stumble over."""
    return _MARKDOWN.sub("", text).strip()


def clauses_of(text: str) -> list[str]:
    """Return the clauses of a text that is said as written: the first is not cut short for an early start."""
    splitter = ClauseSplitter(early=False)
    return [*splitter.feed(text), *splitter.finish()]


class ClauseSplitter:
    """Collect text and hand out clauses; a clause keeps its closing punctuation."""

    def __init__(self, *, early: bool = True) -> None:
        self._buffer = ""
        self._given = 0 if early else 1  # only the first clause is cut short

    def feed(self, text: str) -> list[str]:
        """Add ``text`` and return the clauses that are now complete."""
        self._buffer += text
        clauses = []
        while (cut := self._cut()) is not None:
            clause, self._buffer = speakable(self._buffer[:cut]), self._buffer[cut:]
            if clause:
                clauses.append(clause)
                self._given += 1
        return clauses

    def finish(self) -> list[str]:
        """Return what is left as the last clause."""
        clause, self._buffer = speakable(self._buffer), ""
        return [clause] if clause else []

    def _cut(self) -> int | None:
        least = FIRST_CHARS if self._given == 0 else NEXT_CHARS
        for index, char in enumerate(self._buffer):
            if char in _AMBIGUOUS or char in _SENTENCE_END or char in _PAUSE:
                if char in _AMBIGUOUS and self._inside_number(index):
                    continue
                if char in _SENTENCE_END or (char in _PAUSE and index + 1 >= least):
                    return index + 1
            if self._given == 0 and self._opens(index):
                return index + 1
            if index + 1 >= MAX_CHARS and not (char.isascii() and char.isalnum()):
                return index + 1
        return None

    def _opens(self, index: int) -> bool:
        """Whether the first clause may end behind ``index``, where a speaker would hold the tone."""
        before, after = self._buffer[: index + 1], self._buffer[index + 1 : index + 2]
        if len(before) < FIRST_BREAK or not after or before[-1].isascii():
            return False
        if after.isascii() and after.isdigit():
            return not any(char.isdigit() for char in before)
        return before[-1] == "是" and before[-2] != "不" and after != "不"

    def _inside_number(self, index: int) -> bool:
        before = self._buffer[index - 1 : index]
        after = self._buffer[index + 1 : index + 2]
        return before.isdigit() and (after.isdigit() or not after)  # the next token will tell
