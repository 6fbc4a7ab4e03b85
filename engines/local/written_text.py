"""From tokens to text while a language model writes: whole characters only, and nothing after a stop string.

::

    decoder, stops = TokenDecoder(tokenizer.decode), StopStrings(["\\n\\n"])
    for token in tokens:
        text = stops.feed(decoder.feed(token))
        if stops.found:
            break
    text = stops.feed(decoder.flush()) + stops.flush()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# What a decoder writes for bytes that are not (yet) a character.
BROKEN = "\ufffd"


class TokenDecoder:
    """Decodes token by token; ``decode`` gives the text of a list of tokens."""

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        # Tokens before ``_start`` are forgotten; those up to ``_given`` have been given out. The stretch
        # between is decoded again with each new token: what a token says depends on the one before it.
        self._start = 0
        self._given = 0

    def feed(self, token: int) -> str:
        """Return the text that ``token`` completes; "" in the middle of a character."""
        self._tokens.append(token)
        before, text = self._texts()
        if text.endswith(BROKEN) or len(text) <= len(before):
            return ""
        self._start, self._given = self._given, len(self._tokens)
        return text[len(before) :]

    def flush(self) -> str:
        """Return what is left, broken or not."""
        before, text = self._texts()
        self._start = self._given = len(self._tokens)
        return text[len(before) :]

    def _texts(self) -> tuple[str, str]:
        before = self._decode(self._tokens[self._start : self._given])
        return before, self._decode(self._tokens[self._start :])


class StopStrings:
    """Ends a text before the first of ``strings`` in it; holds back what may be the beginning of one."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(string for string in strings if string)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """Return what can be said now; nothing any more once a stop string was ``found``."""
        if self.found:
            return ""
        text = self._held + text
        places = [place for string in self._strings if (place := text.find(string)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        held = max((_overlap(text, string) for string in self._strings), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def flush(self) -> str:
        """Return what was held back: no stop string came of it."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, string: str) -> int:
    """Return the length of the longest end of ``text`` that ``string`` begins with."""
    longest = min(len(text), len(string) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(string[:size])), 0)
